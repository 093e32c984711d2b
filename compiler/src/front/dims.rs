//! `in_dims` and `out_dims`: integers, `None`, or structures of them that are prefixes of a tree.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use choral_ir::TensorType;

use crate::front::error::DimsError;
use crate::front::tree::{Kind, Path, Segment, Tree, Typed, leaves, places, settings};

/// Which dimension of which leaf is mapped.
///
/// A leaf of the structure speaks for every leaf of the tree below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dims {
    /// This dimension of every leaf (negative counts from the end), or none of them.
    All(Option<i64>),
    /// By position or name.
    Each(BTreeMap<String, Dims>),
    /// By what a function says of each leaf; made by [`by_leaf`] and [`by_kind`].
    Leaves(ByLeaf),
}

/// A function that says of each leaf which dimension is mapped.
#[derive(Clone)]
pub struct ByLeaf(Arc<SaysOfLeaf>);

type SaysOfLeaf = dyn Fn(&Path, &TensorType) -> Option<i64> + Send + Sync;

impl fmt::Debug for ByLeaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByLeaf(..)")
    }
}

/// Equal if they are the same function.
impl PartialEq for ByLeaf {
    fn eq(&self, other: &ByLeaf) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ByLeaf {}

/// The dimension that `dim` says of each leaf, by its path and type: all of an argument's for
/// `in_dims`, one member's of a result for `out_dims`.
///
/// ```
/// use choral_compiler::dims::by_leaf;
/// use choral_compiler::{Var, trace, vmap};
/// use choral_ir::{DType, TensorType};
/// let args = (TensorType::new([5, 3], DType::F32), TensorType::new([3], DType::F32));
/// let matrices = by_leaf(|_, ty| (ty.rank() == 2).then_some(0));
/// let traced = trace(&vmap(|(x, y): (Var, Var)| x + y, matrices), &args)?;
/// assert_eq!(traced.output, TensorType::new([5, 3], DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
pub fn by_leaf(dim: impl Fn(&Path, &TensorType) -> Option<i64> + Send + Sync + 'static) -> Dims {
    Dims::Leaves(ByLeaf(Arc::new(dim)))
}

/// Dimensions by name, or by position: `"weight"`, `"0"`. Every part that is there needs an entry.
///
/// ```
/// use choral_compiler::dims::by_name;
/// use choral_compiler::nn::Linear;
/// use choral_compiler::{Forward, Var, trace, vmap};
/// use choral_ir::{DType, TensorType};
/// let f32 = |shape: &[usize]| TensorType::new(shape, DType::F32);
/// let layer = Linear { weight: f32(&[5, 2, 3]), bias: Some(f32(&[2])) };
/// let own_weights = by_name([("weight", Some(0)), ("bias", None)]);
/// let forward = |(mut layer, x): (Linear<Var>, Var)| layer.forward(&x);
/// let traced = trace(&vmap(forward, (own_weights, None)), &(layer, f32(&[4, 3])))?;
/// assert_eq!(traced.output, f32(&[5, 4, 2]));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
pub fn by_name<'a, D: IntoDims>(entries: impl IntoIterator<Item = (&'a str, D)>) -> Dims {
    Dims::Each(entries.into_iter().map(|(name, dims)| (name.to_owned(), dims.into_dims())).collect())
}

/// One dimension for all parameters of modules, and for all else that is not a module's, and
/// another for all buffers.
pub fn by_kind(parameters: Option<i64>, buffers: Option<i64>) -> Dims {
    by_leaf(move |path, _| match path.kind() {
        Kind::Parameter => parameters,
        Kind::Buffer => buffers,
    })
}

/// What can be given as `in_dims` or `out_dims`: `0`, `-1`, `None`, `(0, 0, None)`, `vec![0, 1]`,
/// maps by name.
///
/// ```
/// use choral_compiler::{Dims, IntoDims};
/// assert_eq!(None.into_dims(), Dims::All(None));
/// assert_eq!((-1).into_dims(), Dims::All(Some(-1)));
/// ```
pub trait IntoDims {
    /// As data.
    fn into_dims(self) -> Dims;
}

impl IntoDims for Dims {
    fn into_dims(self) -> Dims {
        self
    }
}

impl IntoDims for i64 {
    fn into_dims(self) -> Dims {
        Dims::All(Some(self))
    }
}

impl IntoDims for Option<i64> {
    fn into_dims(self) -> Dims {
        Dims::All(self)
    }
}

impl<D: IntoDims> IntoDims for Vec<D> {
    fn into_dims(self) -> Dims {
        Dims::Each(
            self.into_iter().enumerate().map(|(at, dims)| (at.to_string(), dims.into_dims())).collect(),
        )
    }
}

impl<D: IntoDims, const N: usize> IntoDims for [D; N] {
    fn into_dims(self) -> Dims {
        Vec::from(self).into_dims()
    }
}

impl<D: IntoDims> IntoDims for BTreeMap<String, D> {
    fn into_dims(self) -> Dims {
        Dims::Each(self.into_iter().map(|(name, dims)| (name, dims.into_dims())).collect())
    }
}

impl<D: IntoDims> IntoDims for indexmap::IndexMap<String, D> {
    fn into_dims(self) -> Dims {
        Dims::Each(self.into_iter().map(|(name, dims)| (name, dims.into_dims())).collect())
    }
}

macro_rules! tuples {
    ($(($($D:ident $index:tt),*);)*) => {$(
        impl<$($D: IntoDims),*> IntoDims for ($($D,)*) {
            fn into_dims(self) -> Dims {
                Dims::Each(BTreeMap::from([$((stringify!($index).to_owned(), self.$index.into_dims())),*]))
            }
        }
    )*};
}
tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
}

impl Dims {
    /// The dimension of each leaf of a tree.
    ///
    /// # Errors
    /// Every entry that names no part of the tree, or gives a dimension to what is no tensor, and
    /// every leaf that has no entry.
    pub fn resolve<T: Typed>(
        &self,
        what: &'static str,
        tree: &impl Tree<T>,
    ) -> Result<Vec<Option<i64>>, DimsError> {
        // Empty containers too, so that an entry for one is not an error.
        let places = places(tree);
        let segments: Vec<&[Segment]> = places.iter().map(Path::segments).collect();
        let mut errors = Vec::new();
        self.check_entries(what, &segments, String::new(), &mut errors);
        // A wrong name also leaves a part without its entry: one report is enough.
        DimsError::none_of(std::mem::take(&mut errors))?;
        let leaves = leaves(tree);
        // The variant of an enum is a setting at the place of its tensors.
        let holds_leaves =
            |place: &Path| leaves.iter().any(|(path, _)| path.segments().starts_with(place.segments()));
        let of_setting = |(path, value)| self.no_tensor(what, &path, value).filter(|_| !holds_leaves(&path));
        errors.extend(settings(tree).into_iter().filter_map(of_setting));
        let mut dims = Vec::new();
        for (path, leaf) in &leaves {
            self.of(what, path, &leaf.tensor_type())
                .map_or_else(|error| errors.push(error), |dim| dims.push(dim));
        }
        DimsError::none_of(errors).map(|()| dims)
    }

    /// What is wrong if an entry for a setting itself gives it a dimension.
    fn no_tensor(&self, what: &'static str, path: &Path, value: String) -> Option<DimsError> {
        let mut dims = self;
        for segment in path.segments() {
            let Dims::Each(entries) = dims else { return None };
            dims = entries.get(&segment.name())?;
        }
        match dims {
            // A missing part has no tensors either.
            Dims::All(Some(dim)) if value != "None" && !path.segments().is_empty() => {
                Some(DimsError::NoTensor { what, path: path.to_string(), dim: *dim, value })
            }
            Dims::All(_) | Dims::Each(_) | Dims::Leaves(_) => None,
        }
    }

    fn of(&self, what: &'static str, path: &Path, ty: &TensorType) -> Result<Option<i64>, DimsError> {
        let mut dims = self;
        let mut segments = path.segments().iter();
        loop {
            match dims {
                Dims::All(dim) => return Ok(*dim),
                Dims::Leaves(ByLeaf(dim)) => return Ok(dim(path, ty)),
                Dims::Each(entries) => {
                    let entry = segments.next().and_then(|segment| entries.get(&segment.name()));
                    dims = entry.ok_or_else(|| DimsError::Missing {
                        what,
                        path: path.to_string(),
                        entries: entries.keys().cloned().collect(),
                    })?;
                }
            }
        }
    }

    fn check_entries(
        &self,
        what: &'static str,
        paths: &[&[Segment]],
        at: String,
        errors: &mut Vec<DimsError>,
    ) {
        let Dims::Each(entries) = self else { return };
        for (name, dims) in entries {
            let below: Vec<&[Segment]> = paths
                .iter()
                .filter_map(|path| path.split_first().filter(|(first, _)| first.name() == *name))
                .map(|(_, rest)| rest)
                .collect();
            if below.is_empty() {
                let mut names: Vec<String> =
                    paths.iter().filter_map(|path| path.first()).map(Segment::name).collect();
                names.dedup();
                let has_no_parts = names.is_empty();
                errors.push(DimsError::Unknown { what, entry: format!("{at}.{name}"), names });
                if has_no_parts {
                    return;
                }
            } else {
                dims.check_entries(what, &below, format!("{at}.{name}"), errors);
            }
        }
    }
}
