//! Sums of products by the names of dimensions.

use std::panic::Location as Caller;

use choral_ir::op::Binary;

use super::var::Var;

/// `numpy.einsum`: `einsum("bqd,bkd->bqk", &[&queries, &keys])`. Each operand has a letter for each
/// dimension; letters that the result lacks are summed over. Without `->`, the result has the
/// letters that occur once, in alphabetical order. Operands are multiplied from the left.
///
/// ```
/// use choral_compiler::trace::einsum::einsum;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let scores = |(q, k): (Var, Var)| einsum("bqd,bkd->bqk", &[&q, &k]);
/// let args = (TensorType::new([2, 5, 8], DType::F32), TensorType::new([2, 7, 8], DType::F32));
/// assert_eq!(trace(&scores, &args)?.output.to_string(), "tensor<2x5x7xf32>");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn einsum(equation: &str, operands: &[&Var]) -> Var {
    let Some(first) = operands.first() else {
        return Var::faulty("einsum: expected operands, got none".to_owned());
    };
    match Equation::parse(equation, operands) {
        Ok(equation) => equation.evaluate(operands),
        Err(fault) => {
            first.trace.fault(format!("einsum: {equation}: {fault}"), Caller::caller());
            first.stand_in()
        }
    }
}

/// The letters of each operand, and of the result.
struct Equation {
    operands: Vec<Vec<char>>,
    result: Vec<char>,
}

/// A value whose dimensions have letters.
struct Labelled {
    value: Var,
    letters: Vec<char>,
}

impl Equation {
    fn parse(text: &str, operands: &[&Var]) -> Result<Equation, String> {
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (left, right) = match text.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (text.as_str(), None),
        };
        let letters: Vec<Vec<char>> = left.split(',').map(|part| part.chars().collect()).collect();
        if letters.len() != operands.len() {
            return Err(format!("{} operands are named, {} given", letters.len(), operands.len()));
        }
        for (letters, operand) in letters.iter().zip(operands) {
            let named: String = letters.iter().collect();
            if letters.len() != operand.rank() {
                return Err(format!("`{named}` names {} dimensions of {}", letters.len(), operand.ty()));
            }
            distinct(letters)?;
        }
        same_sizes(&letters, operands)?;
        let result: Vec<char> =
            right.map_or_else(|| occurring_once(&letters), |right| right.chars().collect());
        distinct(&result)?;
        match result.iter().find(|letter| !letters.iter().any(|operand| operand.contains(letter))) {
            Some(letter) => Err(format!("the result's `{letter}` is in no operand")),
            None => Ok(Equation { operands: letters, result }),
        }
    }

    #[track_caller]
    fn evaluate(&self, operands: &[&Var]) -> Var {
        let mut labelled = operands.iter().zip(&self.operands);
        let Some((first, letters)) = labelled.next() else { return operands[0].stand_in() };
        let mut product = Labelled { value: (*first).clone(), letters: letters.clone() };
        for (at, (operand, letters)) in labelled.enumerate() {
            let later = &self.operands[at + 2..];
            let is_needed =
                |letter: &char| self.result.contains(letter) || later.iter().any(|of| of.contains(letter));
            let operand = Labelled { value: (*operand).clone(), letters: letters.clone() };
            product = product.times(operand, is_needed);
        }
        let product = product.summed(|letter| self.result.contains(letter));
        let place = |letter: &char| product.letters.iter().position(|other| other == letter);
        let places = self.result.iter().map(|letter| place(letter).map(|at| at as i64));
        match places.collect::<Option<Vec<_>>>() {
            Some(places) => product.value.permute(places),
            None => {
                product.value.fault(format!("einsum: {:?} lacks a letter of the result", product.letters));
                product.value.stand_in()
            }
        }
    }
}

impl Labelled {
    /// Summed over the dimensions whose letters are not kept.
    #[track_caller]
    fn summed(self, keep: impl Fn(&char) -> bool) -> Labelled {
        let gone: Vec<i64> =
            (0..self.letters.len()).filter(|&at| !keep(&self.letters[at])).map(|at| at as i64).collect();
        if gone.is_empty() {
            return self;
        }
        let value = self.value.fold("sum", Binary::Add, 0.0, gone.as_slice());
        Labelled { value, letters: self.letters.into_iter().filter(keep).collect() }
    }

    /// The product, summed over what is not needed any more: common dimensions first, then this
    /// one's, then the other's.
    #[track_caller]
    fn times(self, other: Labelled, is_needed: impl Fn(&char) -> bool) -> Labelled {
        let of_both = |letter: &char| self.letters.contains(letter) && other.letters.contains(letter);
        let common: Vec<char> = self.letters.iter().copied().filter(of_both).collect();
        let left = self.summed(|letter| is_needed(letter) || common.contains(letter));
        let right = other.summed(|letter| is_needed(letter) || common.contains(letter));
        let (batching, contracting): (Vec<char>, Vec<char>) =
            common.iter().partition(|letter| is_needed(letter));
        let places = |of: &Labelled, letters: &[char]| -> Vec<usize> {
            letters.iter().filter_map(|letter| of.letters.iter().position(|other| other == letter)).collect()
        };
        let value = left.value.dot_general(
            &right.value,
            (&places(&left, &contracting), &places(&right, &contracting)),
            (&places(&left, &batching), &places(&right, &batching)),
        );
        let free = left.letters.iter().chain(&right.letters).filter(|letter| !common.contains(letter));
        let letters = batching.iter().chain(free).copied().collect();
        Labelled { value, letters }
    }
}

fn distinct(letters: &[char]) -> Result<(), String> {
    let odd = letters.iter().find(|letter| !letter.is_ascii_alphabetic());
    let twice = (1..letters.len()).find(|&at| letters[..at].contains(&letters[at]));
    match (odd, twice) {
        (Some(odd), _) => Err(format!("`{odd}` is not a letter")),
        (None, Some(at)) => Err(format!("`{}` names two dimensions of one value", letters[at])),
        (None, None) => Ok(()),
    }
}

fn same_sizes(letters: &[Vec<char>], operands: &[&Var]) -> Result<(), String> {
    let sizes = || {
        let of = |(letters, operand): (&Vec<char>, &&Var)| {
            letters.iter().copied().zip(operand.shape().to_vec()).collect::<Vec<_>>()
        };
        letters.iter().zip(operands).flat_map(of)
    };
    for (letter, size) in sizes() {
        if let Some((_, other)) = sizes().find(|(other, otherwise)| *other == letter && *otherwise != size) {
            return Err(format!("`{letter}` is both {size} and {other}"));
        }
    }
    Ok(())
}

/// The letters that occur once in all operands together, in alphabetical order.
fn occurring_once(letters: &[Vec<char>]) -> Vec<char> {
    let all: Vec<char> = letters.concat();
    let mut once: Vec<char> = all
        .iter()
        .copied()
        .filter(|letter| all.iter().filter(|other| *other == letter).count() == 1)
        .collect();
    once.sort_unstable();
    once
}
