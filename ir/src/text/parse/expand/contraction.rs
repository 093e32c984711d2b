//! Products whose dimensions follow other rules than `dot_general`'s: `dot`, and `einsum` of letters.

use super::super::call::{Call, Reason};
use super::expansion::{operands, type_of};
use crate::graph::Value;
use crate::op::{Binary, ComparisonDirection, DotGeneral, Iota};
use crate::{Builder, DType};

/// `stablehlo.dot` of vectors and matrices: the last dimension of one with the first of the other.
pub(super) fn dot(builder: &mut Builder, call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let [lhs, rhs] = operands(&call)?;
    let (left, right) = (type_of(builder, lhs), type_of(builder, rhs));
    if !(1..=2).contains(&left.rank()) || !(1..=2).contains(&right.rank()) {
        return Err(format!("expected vectors or matrices, got {left} and {right}").into());
    }
    call.attributes.finish()?;
    let dtype = call.signature.results.first().map_or(left.dtype, |ty| ty.dtype);
    let product = DotGeneral {
        lhs_batching: Vec::new(),
        rhs_batching: Vec::new(),
        lhs_contracting: vec![left.rank() - 1],
        rhs_contracting: vec![0],
        dtype,
    };
    Ok(vec![builder.push(product, &[lhs, rhs])?])
}

/// `"ij,jk->ik"`, of one operand or two; dots stand for leading dimensions that have no letter.
pub(super) fn einsum(builder: &mut Builder, mut call: Call<'_>) -> Result<Vec<Value>, Reason> {
    let config = call.attributes.word(&["einsum_config"])?;
    call.attributes.finish()?;
    let ranks: Vec<usize> = call.operands.iter().map(|&value| type_of(builder, value).rank()).collect();
    let Equation { operands, result } = Equation::parse(config, &ranks)?;
    let factors = operands.into_iter().zip(&call.operands);
    let factors = factors.map(|(labels, &value)| Factor { value, labels }.diagonal(builder));
    let mut factors = factors.collect::<Result<Vec<_>, _>>()?.into_iter();
    let product = match (factors.next(), factors.next(), factors.next()) {
        (Some(factor), None, None) => factor,
        (Some(left), Some(right), None) => {
            let of_left = [result.as_slice(), &right.labels].concat();
            let of_right = [result.as_slice(), &left.labels].concat();
            let (left, right) = (left.summed(builder, &of_left)?, right.summed(builder, &of_right)?);
            let dtype = call.signature.results.first().map(|ty| ty.dtype);
            left.times(builder, &right, &result, dtype)?
        }
        (_, _, _) => return Err(format!("expected one operand or two, got {}", ranks.len()).into()),
    };
    Ok(vec![product.summed(builder, &result)?.ordered(builder, &result)?])
}

/// The labels of each operand, and of the result.
struct Equation {
    operands: Vec<Vec<Label>>,
    result: Vec<Label>,
}

impl Equation {
    fn parse(config: &str, ranks: &[usize]) -> Result<Equation, Reason> {
        let text: String = config.chars().filter(|letter| !letter.is_whitespace()).collect();
        let missing = || format!("expected a config such as \"ij,jk->ik\", found \"{config}\"");
        let (left, result) = text.split_once("->").ok_or_else(missing)?;
        let names: Vec<&str> = left.split(',').collect();
        if names.len() != ranks.len() {
            return Err(format!("\"{config}\" names {} operands, got {}", names.len(), ranks.len()).into());
        }
        let dots = names.iter().zip(ranks).map(|(names, &rank)| dots_of(names, rank));
        let dots = dots.collect::<Result<Vec<_>, _>>()?;
        let most = dots.iter().copied().max().unwrap_or_default();
        let operands = names.iter().zip(dots).map(|(names, dots)| labels(names, dots, most));
        Ok(Equation { operands: operands.collect::<Result<_, _>>()?, result: labels(result, most, most)? })
    }
}

/// What a dimension is called: a letter, or a place among those that the dots stand for, from the right.
#[derive(Clone, Copy, PartialEq)]
enum Label {
    Dots(usize),
    Letter(char),
}

/// How many dimensions of a value of this rank the dots stand for.
fn dots_of(names: &str, rank: usize) -> Result<usize, Reason> {
    let letters = names.replacen("...", "", 1).chars().count();
    match (names.contains("..."), rank.checked_sub(letters)) {
        (true, Some(dots)) => Ok(dots),
        (false, Some(0)) => Ok(0),
        (_, _) => Err(format!("`{names}` names {letters} dimensions of a value of rank {rank}").into()),
    }
}

/// The labels of a value whose dots stand for `own` of at most `most` dimensions.
fn labels(names: &str, own: usize, most: usize) -> Result<Vec<Label>, Reason> {
    let (before, behind) = names.split_once("...").unwrap_or((names, ""));
    let own = if names.contains("...") { own } else { 0 };
    let letters = |part: &str| part.chars().map(Label::Letter).collect::<Vec<_>>();
    let labels = [letters(before), (most - own..most).map(Label::Dots).collect(), letters(behind)].concat();
    match labels.iter().find(|label| matches!(label, Label::Letter(letter) if !letter.is_alphabetic())) {
        Some(_) => Err(format!("expected letters and one `...`, found `{names}`").into()),
        None => Ok(labels),
    }
}

/// A value whose dimensions have labels.
struct Factor {
    value: Value,
    labels: Vec<Label>,
}

impl Factor {
    /// The value where dimensions of one label are at one place, each label once.
    fn diagonal(self, builder: &mut Builder) -> Result<Factor, Reason> {
        let Factor { mut value, labels } = self;
        for dim in 0..labels.len() {
            let Some(first) = labels[..dim].iter().position(|label| *label == labels[dim]) else { continue };
            let ty = type_of(builder, value);
            if ty.shape[first] != ty.shape[dim] {
                return Err(format!("dimensions {first} and {dim} of {ty} have one letter").into());
            }
            let places = |dimension| Iota { shape: ty.shape.clone(), dtype: DType::I64, dimension };
            let (row, column) = (builder.push(places(first), &[])?, builder.push(places(dim), &[])?);
            let is_same = builder.compare(ComparisonDirection::Eq, row, column)?;
            let zeros = builder.full(0.0, ty.dtype, ty.shape.clone());
            value = builder.select(is_same, value, zeros)?;
        }
        let repeated: Vec<usize> =
            (0..labels.len()).filter(|&dim| labels[..dim].contains(&labels[dim])).collect();
        Factor { value, labels }.without(builder, &repeated)
    }

    /// The sum over dimensions whose label is not to be kept.
    fn summed(self, builder: &mut Builder, kept: &[Label]) -> Result<Factor, Reason> {
        let dims: Vec<usize> =
            (0..self.labels.len()).filter(|&dim| !kept.contains(&self.labels[dim])).collect();
        self.without(builder, &dims)
    }

    /// The sum over these dimensions.
    fn without(self, builder: &mut Builder, dims: &[usize]) -> Result<Factor, Reason> {
        if dims.is_empty() {
            return Ok(self);
        }
        let zero = builder.full(0.0, type_of(builder, self.value).dtype, []);
        let value = builder.reduce(self.value, zero, dims.to_vec(), Binary::Add)?;
        let kept = self.labels.iter().enumerate().filter(|(dim, _)| !dims.contains(dim));
        Ok(Factor { value, labels: kept.map(|(_, label)| *label).collect() })
    }

    /// The product, summed over the labels of both that are not wanted, in this element type or their own.
    fn times(
        &self,
        builder: &mut Builder,
        other: &Factor,
        wanted: &[Label],
        dtype: Option<DType>,
    ) -> Result<Factor, Reason> {
        let both = |is_wanted: bool| {
            let common = self.labels.iter().enumerate().filter_map(move |(dim, label)| {
                let there = other.labels.iter().position(|other| other == label)?;
                (wanted.contains(label) == is_wanted).then_some((dim, there))
            });
            common.unzip::<_, _, Vec<_>, Vec<_>>()
        };
        let ((lhs_batching, rhs_batching), (lhs_contracting, rhs_contracting)) = (both(true), both(false));
        let rest = |factor: &Factor, taken: [&[usize]; 2]| -> Vec<Label> {
            let free = |dim: &usize| taken.iter().all(|dims| !dims.contains(dim));
            (0..factor.labels.len()).filter(free).map(|dim| factor.labels[dim]).collect()
        };
        let batch: Vec<Label> = lhs_batching.iter().map(|&dim| self.labels[dim]).collect();
        let left = rest(self, [&lhs_batching, &lhs_contracting]);
        let right = rest(other, [&rhs_batching, &rhs_contracting]);
        let dtype = dtype.unwrap_or(type_of(builder, self.value).dtype);
        let product = DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype };
        let value = builder.push(product, &[self.value, other.value])?;
        Ok(Factor { value, labels: [batch, left, right].concat() })
    }

    /// The value with its dimensions in this order.
    fn ordered(self, builder: &mut Builder, order: &[Label]) -> Result<Value, Reason> {
        let place = |label: &Label| self.labels.iter().position(|own| own == label);
        let permutation: Option<Vec<usize>> = order.iter().map(place).collect();
        let permutation = permutation.ok_or("the result names a dimension that no operand has")?;
        match permutation.iter().copied().eq(0..self.labels.len()) {
            true => Ok(self.value),
            false => Ok(builder.transpose(self.value, permutation)?),
        }
    }
}
