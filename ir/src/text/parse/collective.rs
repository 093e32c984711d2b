//! Ops between members, by their axes.

use std::sync::Arc;

use super::attribute::{Attribute, Attributes};
use super::statement::Call;
use crate::Op;
use crate::op::{AllGather, AllReduce, AllToAll, AxisIndex, MemberKey, Permute, Randomness, Reduction};

/// The op of a call, if it is of this family.
pub(super) fn op(call: &mut Call<'_>) -> Result<Option<Op>, String> {
    let attributes = &mut call.attributes;
    if let Some(reduction) = Reduction::ALL.into_iter().find(|reduction| reduction.name() == call.name) {
        let axes = attributes.require(&["axes"])?;
        let axes = axes.items()?.iter().map(name).collect::<Result<_, _>>()?;
        return Ok(Some(AllReduce { axes, reduction }.into()));
    }
    Ok(Some(match call.name {
        "choral.axis_index" => AxisIndex { axis: axis(attributes)? }.into(),
        "choral.all_gather" => AllGather {
            axis: axis(attributes)?,
            size: attributes.require(&["size"])?.size()?,
            dimension: attributes.require(&["dimension"])?.size()?,
        }
        .into(),
        "choral.ppermute" => {
            let axis = axis(attributes)?;
            let members = attributes.require(&["pairs"])?.sizes()?;
            let pairs = members.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            Permute { axis, pairs }.into()
        }
        "choral.all_to_all" => AllToAll {
            axis: axis(attributes)?,
            size: attributes.require(&["size"])?.size()?,
            split_dimension: attributes.require(&["split_dimension"])?.size()?,
            concat_dimension: attributes.require(&["concat_dimension"])?.size()?,
        }
        .into(),
        "choral.member_key" => MemberKey {
            axis: axis(attributes)?,
            level: attributes.require(&["level"])?.size()?,
            randomness: randomness(attributes)?,
        }
        .into(),
        _ => return Ok(None),
    }))
}

fn axis(attributes: &mut Attributes<'_>) -> Result<Arc<str>, String> {
    name(&attributes.require(&["axis"])?)
}

fn randomness(attributes: &mut Attributes<'_>) -> Result<Randomness, String> {
    let attribute = attributes.require(&["randomness"])?;
    let word = attribute.word()?;
    let known = Randomness::ALL.into_iter().find(|mode| mode.name() == word);
    known.ok_or_else(|| format!("expected error, same or different as randomness, got {word}"))
}

fn name(attribute: &Attribute<'_>) -> Result<Arc<str>, String> {
    attribute.word().map(Arc::from)
}
