//! How a field's type holds leaves.
//!
//! What `<T as Tree<T>>::With<U>` is, the type checker cannot know for a parameter `T`, so that
//! leaves themselves, and containers of them, are found by the syntax of the type. Every other type
//! is left to its own `Tree`.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Error, GenericArgument, PathArguments, Result, Type};

/// A field's type as the walks see it.
pub(crate) enum Value<'a> {
    /// `T` itself.
    Leaf,
    /// A type that has no bare `T` as an element: `Linear<T>`, `Vec<Linear<T>>`, `usize`.
    Tree(&'a Type),
    /// `Option<T>`
    Option(Box<Value<'a>>),
    /// `Box<T>`
    Box(Box<Value<'a>>),
    /// `Vec<T>`
    Vec(Box<Value<'a>>),
    /// `[T; N]`
    Array(Box<Value<'a>>),
    /// `(T, Linear<T>)`
    Tuple(Vec<Value<'a>>),
    /// `IndexMap<String, T>`
    Map(Order, Box<Value<'a>>),
}

/// The order in which a map's entries are visited.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    /// That of its iterator.
    AsTheyCome,
    /// By key, because the iterator's changes from run to run.
    Sorted,
}

impl Order {
    /// An iterator over the entries of the map at `place`.
    pub(crate) fn entries(self, place: &Ident) -> TokenStream {
        match self {
            Order::AsTheyCome => quote!(#place.iter()),
            Order::Sorted => {
                quote!(#place.iter().collect::<::std::collections::BTreeMap<_, _>>().into_iter())
            }
        }
    }
}

impl<'a> Value<'a> {
    /// `leaf` is the parameter that leaves are of; without one, nothing is a leaf.
    pub(crate) fn read(ty: &'a Type, leaf: Option<&Ident>) -> Result<Value<'a>> {
        let ty = bare(ty);
        match leaf {
            Some(leaf) if is_leaf(ty, leaf) => Ok(Value::Leaf),
            Some(leaf) if elements(ty).into_iter().any(|element| holds_leaf(element, leaf)) => {
                container(ty, leaf)
            }
            Some(_) | None => Ok(Value::Tree(ty)),
        }
    }
}

/// The container `ty`, which has a leaf somewhere inside.
fn container<'a>(ty: &'a Type, leaf: &Ident) -> Result<Value<'a>> {
    let read = |element: &'a Type| Value::read(element, Some(leaf));
    if let Type::Tuple(tuple) = ty {
        return tuple.elems.iter().map(read).collect::<Result<_>>().map(Value::Tuple);
    }
    if let Type::Array(array) = ty {
        return Ok(Value::Array(Box::new(read(&array.elem)?)));
    }
    match generic(ty) {
        Some((name, arguments)) => {
            generic_container(name, &arguments, leaf).unwrap_or_else(|| refuse(ty, leaf))
        }
        None => refuse(ty, leaf),
    }
}

fn generic_container<'a>(name: &Ident, arguments: &[&'a Type], leaf: &Ident) -> Option<Result<Value<'a>>> {
    let make: fn(Box<Value<'a>>) -> Value<'a> = match (name.to_string().as_str(), arguments) {
        ("Option", [_]) => Value::Option,
        ("Box", [_]) => Value::Box,
        ("Vec", [_]) => Value::Vec,
        ("IndexMap" | "BTreeMap", [key, _]) if is_string(key) => |item| Value::Map(Order::AsTheyCome, item),
        ("HashMap", [key, _]) if is_string(key) => |item| Value::Map(Order::Sorted, item),
        _ => return None,
    };
    let element = arguments.last()?;
    Some(Value::read(element, Some(leaf)).map(|item| make(Box::new(item))))
}

fn refuse<'a>(ty: &Type, leaf: &Ident) -> Result<Value<'a>> {
    let message = format!(
        "a module cannot hold leaves of type `{leaf}` in this type; it can in an Option, Box, Vec, array or \
         tuple, in an IndexMap, BTreeMap or HashMap with String keys, and in a module of its own"
    );
    Err(Error::new_spanned(ty, message))
}

/// The type inside parentheses, and inside the invisible ones around what `macro_rules` passes on.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => bare(&inner.elem),
        Type::Group(inner) => bare(&inner.elem),
        _ => ty,
    }
}

fn holds_leaf(ty: &Type, leaf: &Ident) -> bool {
    let ty = bare(ty);
    is_leaf(ty, leaf) || elements(ty).into_iter().any(|element| holds_leaf(element, leaf))
}

/// What a container holds; nothing if `ty` is no container that is known.
fn elements(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::Tuple(tuple) => tuple.elems.iter().collect(),
        Type::Array(array) => vec![&array.elem],
        Type::Slice(slice) => vec![&slice.elem],
        Type::Reference(reference) => vec![&reference.elem],
        _ => match generic(ty) {
            Some((name, arguments)) if CONTAINERS.iter().any(|known| name == known) => arguments,
            Some(_) | None => Vec::new(),
        },
    }
}

/// Containers of the standard library, and `IndexMap`: no modules have these names.
const CONTAINERS: [&str; 15] = [
    "Option",
    "Box",
    "Vec",
    "IndexMap",
    "BTreeMap",
    "HashMap",
    "VecDeque",
    "LinkedList",
    "Rc",
    "Arc",
    "Cell",
    "RefCell",
    "Mutex",
    "RwLock",
    "PhantomData",
];

/// The name and the type arguments of a type like `Vec<T>`.
fn generic(ty: &Type) -> Option<(&Ident, Vec<&Type>)> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    Some((&segment.ident, types.collect()))
}

fn is_leaf(ty: &Type, leaf: &Ident) -> bool {
    matches!(ty, Type::Path(path) if path.qself.is_none() && path.path.is_ident(leaf))
}

fn is_string(ty: &Type) -> bool {
    let last = match bare(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    last.is_some_and(|segment| segment.ident == "String")
}
