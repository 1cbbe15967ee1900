//! What a Rust file says, as far as the rules need it.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use syn::{
    Attribute, ImplItemFn, Item, ItemConst, ItemFn, ItemImpl, ItemMacro, ItemMod, ItemStatic, ItemStruct, ItemUse,
    LitStr, Macro, Meta, Path, Signature, UseTree,
    visit::{self, Visit},
};

/// A name or a text, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The line, counted from 1.
    pub line: usize,
    /// What it says.
    pub text: String,
}

/// A Rust file. What stands in the brackets of a macro counts like other code; comments do not.
#[derive(Default)]
pub struct Code {
    /// The items, for rules about how they are built.
    pub items: Vec<Item>,
    /// Paths, as in `std::fs::read`; those of a `use` each in full.
    pub paths: Vec<Word>,
    /// Attributes, and what `cfg!` asks for, without blanks, as in `cfg(feature="a")`.
    pub attributes: Vec<Word>,
    /// The names of the functions.
    pub functions: Vec<Word>,
    /// The names of those that are tests.
    pub tests: Vec<String>,
    /// The names of the modules.
    pub modules: Vec<Word>,
    /// The string literals, escapes resolved.
    pub literals: Vec<Word>,
    without_tests: bool,
}

impl Code {
    /// Parses a file.
    pub fn read(text: &str) -> syn::Result<Self> {
        Self::default().reading(text)
    }

    /// Parses a file and leaves out what is only built for tests.
    pub fn read_without_tests(text: &str) -> syn::Result<Self> {
        Self { without_tests: true, ..Self::default() }.reading(text)
    }

    fn reading(mut self, text: &str) -> syn::Result<Self> {
        let mut file = syn::parse_file(text)?;
        if self.without_tests {
            file.items.retain(|item| !is_for_tests(item));
        }
        self.visit_file(&file);
        self.items = file.items;
        Ok(self)
    }

    fn use_tree(&mut self, before: &str, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.use_tree(&format!("{before}{}::", path.ident), &path.tree),
            UseTree::Name(name) => self.paths.push(word(name.ident.span(), format!("{before}{}", name.ident))),
            UseTree::Rename(name) => self.paths.push(word(name.ident.span(), format!("{before}{}", name.ident))),
            UseTree::Glob(star) => self.paths.push(word(star.star_token.span, format!("{before}*"))),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(before, tree)),
        }
    }

    /// What stands in the brackets of a macro has no other form than its tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut last, mut tested) = (String::new(), String::new(), false);
        for token in tokens {
            let said = token.to_string();
            match token {
                TokenTree::Ident(name) => {
                    let goes_on = path.ends_with("::");
                    path = if goes_on { path + &said } else { said.clone() };
                    match self.paths.last_mut().filter(|_| goes_on) {
                        Some(begun) => begun.text.clone_from(&path),
                        None => self.paths.push(word(name.span(), &path)),
                    }
                    match &*last {
                        "mod" => self.modules.push(word(name.span(), &said)),
                        "fn" => self.function(name.span(), &said, std::mem::take(&mut tested)),
                        _ => {}
                    }
                }
                TokenTree::Punct(sign) if sign.as_char() == ':' => path.push(':'),
                TokenTree::Punct(_) if last == "#" => continue,
                TokenTree::Punct(_) => path.clear(),
                TokenTree::Literal(literal) => {
                    path.clear();
                    if let Ok(literal) = syn::parse2::<LitStr>(TokenTree::from(literal).into()) {
                        self.visit_lit_str(&literal);
                    }
                }
                TokenTree::Group(group) => {
                    path.clear();
                    tested |= self.group(&last, &group);
                }
            }
            last = said;
        }
    }

    /// Whether it is the attribute of a test.
    fn group(&mut self, before: &str, group: &Group) -> bool {
        let text = group.stream().to_string().replace(' ', "");
        let is_test = text.split('(').next().is_some_and(|path| path == "test" || path.ends_with("::test"));
        if before == "#" && group.delimiter() == Delimiter::Bracket {
            self.attributes.push(word(group.span_open(), text));
            return is_test;
        }
        self.tokens(group.stream());
        false
    }

    fn function(&mut self, at: Span, name: &str, is_test: bool) {
        self.functions.push(word(at, name));
        if is_test {
            self.tests.push(name.to_owned());
        }
    }
}

impl Visit<'_> for Code {
    fn visit_item(&mut self, item: &Item) {
        if !(self.without_tests && is_for_tests(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &ImplItemFn) {
        if !(self.without_tests && function.attrs.iter().any(is_cfg_test)) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        self.use_tree("", &item.tree);
    }

    fn visit_item_mod(&mut self, item: &ItemMod) {
        self.modules.push(word(item.ident.span(), &item.ident));
        visit::visit_item_mod(self, item);
    }

    fn visit_item_fn(&mut self, item: &ItemFn) {
        if item.attrs.iter().any(|attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "test"))
        {
            self.tests.push(item.sig.ident.to_string());
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_signature(&mut self, signature: &Signature) {
        self.function(signature.ident.span(), &signature.ident.to_string(), false);
        visit::visit_signature(self, signature);
    }

    fn visit_attribute(&mut self, attribute: &Attribute) {
        let path = joined(attribute.path());
        let text = match &attribute.meta {
            Meta::List(list) => format!("{path}({})", list.tokens).replace(' ', ""),
            _ => path,
        };
        if text != "doc" {
            self.attributes.push(word(attribute.pound_token.span, text));
        }
    }

    fn visit_path(&mut self, path: &Path) {
        if let Some(first) = path.segments.first() {
            self.paths.push(word(first.ident.span(), joined(path)));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &Macro) {
        self.visit_path(&called.path);
        if called.path.is_ident("cfg") {
            let asked = format!("cfg({})", called.tokens).replace(' ', "");
            self.attributes.push(word(called.bang_token.span, asked));
        }
        self.tokens(called.tokens.clone());
    }

    fn visit_lit_str(&mut self, literal: &LitStr) {
        self.literals.push(word(literal.span(), literal.value()));
    }
}

fn word(at: Span, text: impl ToString) -> Word {
    Word { line: at.start().line, text: text.to_string() }
}

/// Its names, without arguments.
fn joined(path: &Path) -> String {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::")
}

fn is_for_tests(item: &Item) -> bool {
    match item {
        Item::Const(ItemConst { attrs, .. })
        | Item::Fn(ItemFn { attrs, .. })
        | Item::Impl(ItemImpl { attrs, .. })
        | Item::Macro(ItemMacro { attrs, .. })
        | Item::Mod(ItemMod { attrs, .. })
        | Item::Static(ItemStatic { attrs, .. })
        | Item::Struct(ItemStruct { attrs, .. })
        | Item::Use(ItemUse { attrs, .. }) => attrs.iter().any(is_cfg_test),
        _ => false,
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") && matches!(&attribute.meta, Meta::List(list) if list.tokens.to_string() == "test")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r##"
        //! Says "a", std::a.
        use std::{b, c::{d as e, f::*}};
        #[cfg(feature = "g")]
        mod h;
        #[cfg(test)]
        mod tests { fn i() { std::i!("i"); } }
        macro_rules! j {
            () => {
                #[tokio::test(flavor = "k")]
                async fn l() { std::m::n(o: p); }
            };
        }
        #[test]
        fn q() { println!("r\n{}", r#"s"#); let a = cfg!(test); a::<t::U>("v") }
    "##;

    fn texts(words: &[Word]) -> Vec<(usize, &str)> {
        words.iter().map(|word| (word.line, &*word.text)).collect()
    }

    #[test]
    fn a_file_is_taken_apart_into_what_it_names_and_where() {
        let code = Code::read(FILE).unwrap();
        let paths = texts(&code.paths);
        for path in
            [(3, "std::b"), (3, "std::c::d"), (3, "std::c::f::*"), (7, "std::i"), (11, "std::m::n"), (15, "t::U")]
        {
            assert!(paths.contains(&path), "{path:?}: {paths:?}");
        }
        assert!(!paths.iter().any(|(_, path)| ["std::a", "p::o", "o::p"].contains(path)), "{paths:?}");
        let attributes = [
            (4, "cfg(feature=\"g\")"),
            (6, "cfg(test)"),
            (10, "tokio::test(flavor=\"k\")"),
            (14, "test"),
            (15, "cfg(test)"),
        ];
        assert_eq!(texts(&code.attributes), attributes);
        assert_eq!(texts(&code.functions), [(7, "i"), (11, "l"), (15, "q")]);
        assert_eq!(code.tests, ["l", "q"]);
        assert_eq!(texts(&code.modules), [(5, "h"), (7, "tests")]);
        assert_eq!(texts(&code.literals), [(7, "i"), (15, "r\n{}"), (15, "s"), (15, "v")]);
    }

    #[test]
    fn what_is_only_built_for_tests_can_be_left_out() {
        let code = Code::read_without_tests(FILE).unwrap();
        assert_eq!(texts(&code.modules), [(5, "h")]);
        assert_eq!(texts(&code.literals), [(15, "r\n{}"), (15, "s"), (15, "v")]);
        assert_eq!(code.items.len(), 4);
    }
}
