//! What the macro refuses, and its messages.

use syn::{DeriveInput, parse_quote};

use crate::implementation::derive;

#[track_caller]
fn check_refused(item: DeriveInput, expect: &[&str]) {
    let errors: Vec<String> = match derive(&item) {
        Ok(written) => panic!("accepted: {written}"),
        Err(error) => error.into_iter().map(|error| error.to_string()).collect(),
    };
    assert_eq!(errors.len(), expect.len(), "{errors:#?}");
    for (error, expect) in errors.iter().zip(expect) {
        assert!(error.contains(expect), "expected `{expect}`, got `{error}`");
    }
}

#[test]
fn unions_are_refused() {
    check_refused(parse_quote!(union Bits { float: f32, int: u32 }), &["a union cannot be a module"]);
}

#[test]
fn unknown_attributes_are_refused_all_at_once() {
    let item = parse_quote! {
        struct Norm<T> {
            #[module(bufer)]
            mean: T,
            #[module]
            variance: T,
        }
    };
    check_refused(
        item,
        &[
            "the attributes of a module's field are `#[module(buffer)]` and `#[module(flatten)]`",
            "expected attribute",
        ],
    );
}

#[test]
fn attributes_are_refused_where_they_have_no_meaning() {
    check_refused(
        parse_quote!(
            #[module(buffer)]
            struct Norm<T> {
                mean: T,
            }
        ),
        &["not on a type"],
    );
    check_refused(
        parse_quote!(
            enum Block<T> {
                #[module(buffer)]
                Plain(T),
            }
        ),
        &["not on a variant"],
    );
    check_refused(
        parse_quote!(
            enum Mode {
                Fixed(#[module(buffer)] f32),
            }
        ),
        &["not on a part of a setting"],
    );
}

#[test]
fn leaves_in_unknown_containers_are_refused() {
    check_refused(
        parse_quote!(
            struct Shared<T> {
                weight: Arc<T>,
            }
        ),
        &["leaves of type `T` in this type"],
    );
    check_refused(
        parse_quote!(
            struct Borrowed<'a, T> {
                weight: &'a T,
            }
        ),
        &["leaves of type `T`"],
    );
    check_refused(
        parse_quote!(
            struct Numbered<L> {
                weights: HashMap<u32, L>,
            }
        ),
        &["leaves of type `L`"],
    );
    check_refused(
        parse_quote!(
            struct Nested<T> {
                weights: Vec<VecDeque<T>>,
            }
        ),
        &["leaves of type `T`"],
    );
}
