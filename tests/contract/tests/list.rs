//! The list of laws is complete.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a file that can't be read or parsed fails the test")]

use std::{fs, path::Path};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    File, Ident, Item, Token, Visibility,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

fn parsed(path: &Path) -> File {
    syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Each law as `port::topic::law`: the public async functions in the folder of each port.
fn written(source: &Path) -> Vec<String> {
    let mut laws = Vec::new();
    for port in fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for topic in fs::read_dir(&port).unwrap().map(|entry| entry.unwrap().path()) {
            let [port, stem] =
                [port.file_name(), topic.file_stem()].map(|name| name.unwrap().to_string_lossy().into_owned());
            laws.extend(parsed(&topic).items.into_iter().filter_map(|item| match item {
                Item::Fn(law) if matches!(law.vis, Visibility::Public(_)) && law.sig.asyncness.is_some() => {
                    Some(format!("{port}::{stem}::{}", law.sig.ident))
                }
                _ => None,
            }));
        }
    }
    laws.sort();
    laws
}

/// `@each $fresh, port::topic: law, law`, as the macro `laws!` lists them.
struct Listed {
    port: Ident,
    topic: Ident,
    laws: Punctuated<Ident, Token![,]>,
}

impl Parse for Listed {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.parse::<Token![@]>()?;
        input.parse::<Ident>()?;
        input.parse::<Token![$]>()?;
        input.parse::<Ident>()?;
        input.parse::<Token![,]>()?;
        let port = input.parse()?;
        input.parse::<Token![::]>()?;
        let topic = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self { port, topic, laws: Punctuated::parse_terminated(input)? })
    }
}

fn listed(tokens: TokenStream) -> Vec<String> {
    let groups =
        tokens.into_iter().filter_map(|token| if let TokenTree::Group(it) = token { Some(it.stream()) } else { None });
    let laws = |group: TokenStream| match syn::parse2::<Listed>(group.clone()) {
        Ok(Listed { port, topic, laws }) => laws.iter().map(|law| format!("{port}::{topic}::{law}")).collect(),
        Err(_) => listed(group),
    };
    groups.flat_map(laws).collect()
}

#[test]
fn no_law_is_forgotten() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lists = ["laws.rs", "laws/adapters.rs"].map(|list| parsed(&source.join(list)).items);
    let mut listed: Vec<_> = lists
        .into_iter()
        .flatten()
        .filter_map(|item| if let Item::Macro(it) = item { Some(it.mac.tokens) } else { None })
        .flat_map(listed)
        .collect();
    listed.sort();
    let written = written(&source);
    let forgotten: Vec<_> = written.iter().filter(|law| !listed.contains(law)).collect();
    assert!(forgotten.is_empty(), "written and never tried: list them in laws.rs: {forgotten:#?}");
    assert_eq!(listed, written, "a law is listed twice, or is not written");
}
