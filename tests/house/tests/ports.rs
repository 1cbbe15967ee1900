//! How ports are written, and how decorators implement them.

use kayan_house::{Code, Source, none_of, rust, rust_in};
use syn::{Block, Expr, ImplItem, Item, ItemTrait, Path, Signature, Stmt, TraitItem, TypeParamBound};

/// The files with traits that adapters decorate.
fn is_port(source: &Source) -> bool {
    source.path.starts_with("ports/src/") || source.path == "adapters/sql/src/driver.rs"
}

/// Whether the method calls the method of its name on a field, and does nothing else.
fn forwards(signature: &Signature, body: &Block) -> bool {
    let [Stmt::Expr(only, None)] = body.stmts.as_slice() else { return false };
    let called = if let Expr::Await(awaited) = only { &*awaited.base } else { only };
    let Expr::MethodCall(call) = called else { return false };
    call.method == signature.ident && is_field(&call.receiver)
}

/// Whether it is a field of `self`.
fn is_field(expression: &Expr) -> bool {
    let Expr::Field(field) = expression else { return false };
    matches!(&*field.base, Expr::Path(path) if path.path.is_ident("self"))
}

fn last(path: &Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

fn traits(code: Code) -> Vec<ItemTrait> {
    let traits = code.items.into_iter().filter_map(|item| if let Item::Trait(it) = item { Some(it) } else { None });
    traits.collect()
}

/// The families that a store is the sum of.
fn families(ports: &[ItemTrait]) -> Vec<String> {
    let store = ports.iter().filter(|port| port.ident == "Store");
    let bounds = store.flat_map(|store| &store.supertraits);
    let families = bounds.filter_map(|bound| if let TypeParamBound::Trait(it) = bound { Some(&it.path) } else { None });
    families.map(last).collect()
}

#[test]
fn no_decorator_only_forwards() {
    let ports: Vec<_> = rust().into_iter().filter(is_port).flat_map(|source| traits(source.production())).collect();
    let families = families(&ports);
    assert!(families.len() > 10, "{families:?}");
    let mut offences = Vec::new();
    for source in rust_in("adapters/") {
        for item in source.production().items {
            let Item::Impl(block) = item else { continue };
            let name = block.trait_.as_ref().map(|(path, _)| last(path)).unwrap_or_default();
            if !ports.iter().any(|port| port.ident == name) {
                continue;
            }
            let methods = block.items.iter().filter_map(|it| if let ImplItem::Fn(it) = it { Some(it) } else { None });
            let (forwarding, others): (Vec<_>, Vec<_>) = methods.partition(|it| forwards(&it.sig, &it.block));
            // A family is so small that a decorator of one changes all of it.
            if families.contains(&name) || others.is_empty() {
                let method = |it: &Signature| source.at(it.ident.span().start().line, format!("{name}::{}", it.ident));
                offences.extend(forwarding.iter().map(|it| method(&it.sig)));
            }
        }
    }
    none_of(offences, "implement the families that the decorator changes, and replace their handles in `Stores`");
}

#[test]
fn no_method_of_a_port_has_a_default_that_a_decorator_could_keep_unawares() {
    let mut offences = Vec::new();
    for source in rust().into_iter().filter(is_port) {
        let methods = traits(source.production()).into_iter().flat_map(|port| port.items);
        let defaulted = methods.filter_map(|item| match item {
            TraitItem::Fn(method) if method.default.is_some() => Some(method.sig.ident),
            _ => None,
        });
        offences.extend(defaulted.map(|name| source.at(name.span().start().line, &name)));
    }
    none_of(offences, "let every implementor say it");
}
