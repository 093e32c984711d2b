//! Members that keep their state, bit for bit, while others go on.

use choral_ir::{DType, TensorType};

use crate::front::state::Module;
use crate::front::trace::var::Var;
use crate::front::tree::{Path, Tree, Walk, leaves};

/// Every leaf of `new` where `active` holds, else that of `old`: members that have converged or diverged keep their
/// parameters, optimiser state and buffers, whatever a step made of them, NaN included.
///
/// `active` is a boolean scalar: under [`vmap`](crate::front::vmap::vmap()) each member has its own.
///
/// ```
/// use choral_compiler::train::freeze;
/// use choral_compiler::{Var, trace, vmap};
/// use choral_ir::{DType, TensorType};
/// let halve_large = |x: Var| freeze(&x.abs().amax(()).gt(1.0), &(&x * 0.5), &x);
/// let members = TensorType::new([5, 3], DType::F32);
/// assert_eq!(trace(&vmap(halve_large, 0), &members)?.output, members);
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn freeze<P: Module<Var>>(active: &Var, new: &P, old: &P) -> P {
    let (fresh, kept) = (leaves(new), leaves(old));
    let boolean = TensorType::scalar(DType::I1);
    if active.value.is_some() && *active.ty() != boolean {
        active.fault(format!(
            "freeze: active must be {boolean}, got {}; where members have each their own, map over them",
            active.ty()
        ));
    }
    if let Some(difference) = difference(&fresh, &kept) {
        active.fault(format!("freeze: the new tree is not like the old one: {difference}"));
    }
    let mut kept = kept.into_iter().map(|(_, var)| var);
    new.map(&mut Walk::default(), &mut |_, var: &Var| match kept.next() {
        Some(old) if old.ty() == var.ty() && *active.ty() == boolean => var.where_(active, &old),
        Some(_) | None => var.stand_in(),
    })
}

/// The first place at which two lists of leaves differ in path or type.
fn difference(new: &[(Path, Var)], old: &[(Path, Var)]) -> Option<String> {
    let shown = |leaf: Option<&(Path, Var)>| match leaf {
        Some((path, var)) => format!("{path} {}", var.ty()),
        None => "nothing more".to_owned(),
    };
    let differs = |at: &usize| match (new.get(*at), old.get(*at)) {
        (Some((new, var)), Some((old, was))) => new != old || var.ty() != was.ty(),
        (_, _) => true,
    };
    let at = (0..new.len().max(old.len())).find(differs)?;
    Some(format!("there {}, here {}", shown(old.get(at)), shown(new.get(at))))
}

/// Whether no float of a tree is infinite or NaN: a boolean scalar.
///
/// ```
/// use choral_compiler::train::all_finite;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let args = (TensorType::new([3, 2], DType::F32), TensorType::new([3], DType::I32));
/// let traced = trace(&|tree: (Var, Var)| all_finite(&tree), &args)?;
/// assert_eq!(traced.output, TensorType::scalar(DType::I1));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn all_finite(tree: &impl Tree<Var>) -> Var {
    let floats = leaves(tree).into_iter().map(|(_, var)| var).filter(|var| var.dtype().is_float());
    let finite = floats.map(|var| var.isfinite().all(())).reduce(|all, one| all.logical_and(&one));
    finite.unwrap_or_else(|| Var::anywhere(TensorType::scalar(DType::I1), 1.0))
}
