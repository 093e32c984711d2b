//! Collectives, by their axes.

use std::sync::Arc;

use super::attributes::{Attribute, Attributes};
use super::call::Call;
use crate::Op;
use crate::op::{AllGather, AllReduce, AllToAll, AxisIndex, MemberKey, Permute, Randomness, Reduction};

/// The op of a call, if it is of this family.
pub(super) fn op(call: &mut Call<'_>) -> Result<Option<Op>, String> {
    let attributes = &mut call.attributes;
    if let Some(reduction) = Reduction::ALL.into_iter().find(|reduction| reduction.name() == call.name) {
        let axes = attributes.read(&["axes"], |axes| axes.items()?.iter().map(name).collect())?;
        return Ok(Some(AllReduce { axes, reduction }.into()));
    }
    Ok(Some(match call.name {
        "choral.axis_index" => AxisIndex { axis: axis(attributes)? }.into(),
        "choral.all_gather" => AllGather {
            axis: axis(attributes)?,
            size: attributes.size(&["size"])?,
            dimension: attributes.size(&["dimension"])?,
        }
        .into(),
        "choral.ppermute" => {
            let axis = axis(attributes)?;
            let pairs = attributes.read(&["pairs"], |value| {
                let members = value.sizes()?;
                let (pairs, rest) = members.as_chunks::<2>();
                let expected = || format!("expected pairs of members, found {} members", members.len());
                let pairs = pairs.iter().map(|[from, to]| (*from, *to)).collect();
                if rest.is_empty() { Ok(pairs) } else { Err(expected()) }
            })?;
            Permute { axis, pairs }.into()
        }
        "choral.all_to_all" => AllToAll {
            axis: axis(attributes)?,
            size: attributes.size(&["size"])?,
            split_dimension: attributes.size(&["split_dimension"])?,
            concat_dimension: attributes.size(&["concat_dimension"])?,
        }
        .into(),
        "choral.member_key" => MemberKey {
            axis: axis(attributes)?,
            level: attributes.size(&["level"])?,
            randomness: randomness(attributes)?,
        }
        .into(),
        _ => return Ok(None),
    }))
}

fn axis(attributes: &mut Attributes<'_>) -> Result<Arc<str>, String> {
    attributes.read(&["axis"], name)
}

fn randomness(attributes: &mut Attributes<'_>) -> Result<Randomness, String> {
    let word = attributes.word(&["randomness"])?;
    let known = Randomness::ALL.into_iter().find(|mode| mode.name() == word);
    known.ok_or_else(|| format!("expected error, same or different as randomness, got {word}"))
}

fn name(attribute: &Attribute<'_>) -> Result<Arc<str>, String> {
    attribute.word().map(Arc::from)
}
