//! What the pure crates offer, beside what they offered: a change of an interface is seen where it is made, and by whoever reads the change.
//!
//! Contract: `tests/api/<crate>.rs.txt` holds every public item of the crate without documentation, bodies and private fields, module after
//! module. Where an interface truly is to change, `ROLLCALL_BLESS=1` writes the files anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test says what is wrong"
)]

use std::path::{Path, PathBuf};

use syn::{
    Attribute, Block, Fields, FieldsNamed, FieldsUnnamed, File, ImplItem, Item, ItemImpl, ItemMod,
    TraitItem, UseTree, Visibility,
};

/// The crates on which the others stand.
const CRATES: [&str; 4] = ["attendance", "evidence", "protocol", "audit"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What of an item is written down besides its name and shape: what callers can do with it.
fn says_something(attribute: &Attribute) -> bool {
    ["derive", "non_exhaustive", "must_use", "default"]
        .iter()
        .any(|name| attribute.path().is_ident(name))
}

fn is_left_out(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg = attribute.path().is_ident("cfg");
        is_cfg
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn no_body() -> Block {
    syn::parse_quote!({})
}

fn bare_fields(fields: &mut Fields) {
    let keep = |field: &mut syn::Field| {
        field.attrs.retain(says_something);
        is_public(&field.vis)
    };
    match fields {
        Fields::Named(FieldsNamed { named, .. }) => {
            *named = std::mem::take(named)
                .into_iter()
                .filter_map(|mut field| keep(&mut field).then_some(field))
                .collect();
        }
        Fields::Unnamed(FieldsUnnamed { unnamed, .. }) => {
            // A private field of a tuple still has its place.
            for field in unnamed {
                if !keep(field) {
                    field.ty = syn::parse_quote!(_);
                }
            }
        }
        Fields::Unit => {}
    }
}

/// An implementation with its public functions; of a trait's, the head alone.
fn bare_impl(mut implementation: ItemImpl) -> Option<Item> {
    implementation.attrs.clear();
    if implementation.trait_.is_some() {
        implementation
            .items
            .retain(|item| matches!(item, ImplItem::Type(_)));
        return Some(Item::Impl(implementation));
    }
    implementation.items.retain_mut(|item| match item {
        ImplItem::Fn(function) => {
            function.attrs.retain(says_something);
            function.block = no_body();
            is_public(&function.vis)
        }
        ImplItem::Const(constant) => {
            constant.attrs.clear();
            is_public(&constant.vis)
        }
        _ => false,
    });
    (!implementation.items.is_empty()).then_some(Item::Impl(implementation))
}

/// What callers see of an item; nothing where they do not see it.
fn bare(item: Item) -> Option<Item> {
    Some(match item {
        Item::Fn(mut function) if is_public(&function.vis) => {
            function.attrs.retain(says_something);
            function.block = Box::new(no_body());
            Item::Fn(function)
        }
        Item::Struct(mut shape) if is_public(&shape.vis) => {
            shape.attrs.retain(says_something);
            bare_fields(&mut shape.fields);
            Item::Struct(shape)
        }
        Item::Enum(mut choice) if is_public(&choice.vis) => {
            choice.attrs.retain(says_something);
            for variant in &mut choice.variants {
                variant.attrs.retain(says_something);
                for field in &mut variant.fields {
                    field.attrs.clear();
                }
            }
            Item::Enum(choice)
        }
        Item::Trait(mut contract) if is_public(&contract.vis) => {
            contract.attrs.clear();
            for item in &mut contract.items {
                match item {
                    TraitItem::Fn(function) => {
                        function.attrs.clear();
                        function.default = function.default.take().map(|_| no_body());
                    }
                    TraitItem::Type(kind) => kind.attrs.clear(),
                    TraitItem::Const(constant) => constant.attrs.clear(),
                    _ => {}
                }
            }
            Item::Trait(contract)
        }
        Item::Const(mut constant) if is_public(&constant.vis) => {
            constant.attrs.clear();
            Item::Const(constant)
        }
        Item::Type(mut alias) if is_public(&alias.vis) => {
            alias.attrs.clear();
            Item::Type(alias)
        }
        Item::Use(mut names) if is_public(&names.vis) => {
            names.attrs.clear();
            Item::Use(names)
        }
        Item::Impl(implementation) => bare_impl(implementation)?,
        // A macro that makes items is written down as it is called: what it makes follows from that.
        Item::Macro(mut call) if call.ident.is_none() => {
            call.attrs.clear();
            Item::Macro(call)
        }
        _ => return None,
    })
}

/// The file of a module beside or below that of its parent.
fn file_of(module: &ItemMod, folder: &Path) -> PathBuf {
    let name = module.ident.to_string();
    let beside = folder.join(format!("{name}.rs"));
    if beside.is_file() {
        beside
    } else {
        folder.join(&name).join("mod.rs")
    }
}

/// The names that a public `use` brings out of a private module.
fn first_segment(tree: &UseTree) -> Option<String> {
    match tree {
        UseTree::Path(path) => Some(path.ident.to_string()),
        _ => None,
    }
}

/// Writes down a module and those in it, public ones and those out of which something is made public.
fn write_down(path: &str, file: File, folder: &Path, out: &mut String) {
    let brought_out: Vec<String> = file
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Use(names) if is_public(&names.vis) => first_segment(&names.tree),
            _ => None,
        })
        .collect();
    let (mut items, mut below) = (Vec::new(), Vec::new());
    for item in file.items {
        match item {
            Item::Mod(module) if !is_left_out(&module.attrs) => {
                let name = module.ident.to_string();
                if is_public(&module.vis) || brought_out.contains(&name) {
                    below.push(module);
                }
            }
            item => items.extend(bare(item)),
        }
    }
    let text = prettyplease::unparse(&File {
        shebang: None,
        attrs: Vec::new(),
        items,
    });
    if !text.trim().is_empty() {
        out.push_str(&format!("// {path}\n\n{text}\n"));
    }
    for module in below {
        let name = module.ident.to_string();
        let (file, folder) = match module.content {
            Some((_, items)) => {
                let (shebang, attrs) = (None, Vec::new());
                (
                    File {
                        shebang,
                        attrs,
                        items,
                    },
                    folder.to_owned(),
                )
            }
            None => {
                let place = file_of(&module, folder);
                (read(&place), folder.join(&name))
            }
        };
        write_down(&format!("{path}::{name}"), file, &folder, out);
    }
}

fn read(path: &Path) -> File {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn offered(name: &str) -> String {
    let folder = root().join("src").join(name).join("src");
    let mut out = String::new();
    write_down(name, read(&folder.join("lib.rs")), &folder, &mut out);
    out
}

#[test]
fn interfaces_are_those_that_are_written_down() {
    let bless = std::env::var_os("ROLLCALL_BLESS").is_some_and(|v| v == "1");
    let mut changed = Vec::new();
    for name in CRATES {
        let path = root().join("tests/api").join(format!("{name}.rs.txt"));
        let now = offered(name);
        if bless {
            std::fs::write(&path, &now).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = now.lines().zip(written.lines()).position(|(a, b)| a != b);
        if now != written {
            let line = differs.unwrap_or(now.lines().count().min(written.lines().count()));
            let here = now.lines().nth(line).unwrap_or("nothing more");
            changed.push(format!("{} line {}: {here}", path.display(), line + 1));
        }
    }
    assert!(
        changed.is_empty(),
        "interfaces changed; if they are meant to, ROLLCALL_BLESS=1 writes them down:\n{}",
        changed.join("\n")
    );
}

#[test]
fn what_nobody_sees_is_not_written_down() {
    let source = "
        /// Words.
        #[derive(Clone)]
        pub struct Seen { /// More words.
            pub open: u8, hidden: u8 }
        impl Seen { pub fn call(&self) -> u8 { 7 } fn own(&self) {} }
        impl Drop for Seen { fn drop(&mut self) { loop {} } }
        struct Unseen;
        pub(crate) fn inner() {}
        #[cfg(test)]
        mod tests { pub fn of_tests() {} }
        mod apart { pub fn kept() {} }
        pub mod within { pub fn found() { panic!() } }";
    let mut out = String::new();
    let file = syn::parse_file(source).unwrap();
    write_down("it", file, Path::new("nowhere"), &mut out);
    let expected = "// it

#[derive(Clone)]
pub struct Seen {
    pub open: u8,
}
impl Seen {
    pub fn call(&self) -> u8 {}
}
impl Drop for Seen {}

// it::within

pub fn found() {}

";
    assert_eq!(out, expected);
}
