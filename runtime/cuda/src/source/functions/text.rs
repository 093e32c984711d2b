//! Operations as they are recorded, and the function that they are the body of.
//!
//! Must not live here: which operations there are.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Neg;

use super::Defined;
use super::recorded::Recorded;

/// A float as CUDA spells it.
pub(super) trait Name: Copy + Neg<Output = Self> + 'static {
    /// The type.
    const TYPE: &'static str;
    /// What ends the names of functions in the language's own library.
    const SUFFIX: &'static str;
    /// What ends the names of our functions.
    const NUMBER: &'static str;
    /// A number, exactly.
    fn spelled(self) -> String;
}

macro_rules! names {
    ($($Float:ident, $TYPE:literal, $SUFFIX:literal, $from_bits:literal $after:literal;)*) => {$(
        impl Name for $Float {
            const TYPE: &'static str = $TYPE;
            const SUFFIX: &'static str = $SUFFIX;
            const NUMBER: &'static str = stringify!($Float);

            fn spelled(self) -> String {
                // Few enough digits that nobody has to round.
                let is_short = self.abs() < 16_777_216.0 && self * 1024.0 == (self * 1024.0).trunc();
                if is_short {
                    return format!("{self:?}{}", $SUFFIX);
                }
                let (bits, digits) = (self.to_bits(), 2 * size_of::<$Float>());
                format!(concat!($from_bits, "(0x{:0digits$x}", $after, " /* {:?} */)"), bits, self, digits = digits)
            }
        }
    )*};
}
names! {
    f32, "float", "f", "__uint_as_float" "u";
    f64, "double", "", "__longlong_as_double" "ll";
}

/// What an operation takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    /// A parameter or a constant, as it is spelled.
    Spelled(String),
    /// The result of a statement.
    Statement(usize),
}

/// An operation whose result has a name.
#[derive(Debug, PartialEq, Eq)]
struct Statement {
    /// The result's type.
    kind: &'static str,
    /// The operation, with `{0}` for the first operand and so on, and `#` for [`Name::SUFFIX`].
    operation: &'static str,
    suffix: &'static str,
    operands: Vec<Operand>,
}

thread_local! {
    /// The statements of the function that is being recorded: numbers are copied freely, so none of them can hold it.
    static STATEMENTS: RefCell<Vec<Statement>> = const { RefCell::new(Vec::new()) };
}

/// The result of an operation on operands of type `F`: that of an earlier one if it was the same.
pub(super) fn record<F: Name>(kind: &'static str, operation: &'static str, operands: Vec<Operand>) -> usize {
    STATEMENTS.with_borrow_mut(|statements| {
        let statement = Statement { kind, operation, suffix: F::SUFFIX, operands };
        statements.iter().position(|earlier| *earlier == statement).unwrap_or_else(|| {
            statements.push(statement);
            statements.len() - 1
        })
    })
}

/// What a function returns.
pub(super) struct Exit {
    /// Its result.
    pub(super) usual: Operand,
    /// A condition, and the result where it holds.
    pub(super) rare: Option<(Operand, Operand)>,
}

/// The function of parameters of these names that `body` records.
pub(super) fn recording<F: Name, const N: usize>(
    name: &str,
    parameters: [&'static str; N],
    body: impl FnOnce([Recorded<F>; N]) -> Exit,
) -> Defined {
    STATEMENTS.take();
    let exit = body(parameters.map(Recorded::Parameter));
    let statements = STATEMENTS.take();
    let name = format!("{}_{}", with_underscores(name), F::NUMBER);
    let list = parameters.map(|parameter| format!("{} {parameter}", F::TYPE)).join(", ");
    let mut text = Text { statements: &statements, written: BTreeSet::new(), source: String::new() };
    let _ = writeln!(text.source, "static __device__ __forceinline__ {} {name}({list}) {{", F::TYPE);
    if let Some((condition, result)) = &exit.rare {
        text.needs(condition, "    ");
        let _ = writeln!(text.source, "    if ({}) {{", spelled(condition));
        let outside = text.written.clone();
        text.needs(result, "        ");
        text.written = outside;
        let _ = writeln!(text.source, "        return {};\n    }}", spelled(result));
    }
    text.needs(&exit.usual, "    ");
    let _ = writeln!(text.source, "    return {};\n}}", spelled(&exit.usual));
    Defined { name, source: text.source }
}

/// A body on its way: writing to a string does not fail.
struct Text<'a> {
    statements: &'a [Statement],
    /// Those whose results have names where the text is.
    written: BTreeSet<usize>,
    source: String,
}

impl Text<'_> {
    /// Writes the statements that an operand takes and that are not there yet, in their order.
    fn needs(&mut self, operand: &Operand, indent: &str) {
        let mut needed = BTreeSet::new();
        let mut open = vec![operand];
        while let Some(operand) = open.pop() {
            if let Operand::Statement(at) = operand
                && !self.written.contains(at)
                && needed.insert(*at)
            {
                open.extend(&self.statements[*at].operands);
            }
        }
        for &at in &needed {
            let Statement { kind, operation, suffix, operands } = &self.statements[at];
            let mut text = operation.replace('#', suffix);
            for (place, operand) in operands.iter().enumerate() {
                text = text.replace(&format!("{{{place}}}"), &spelled(operand));
            }
            let _ = writeln!(self.source, "{indent}const {kind} s{at} = {text};");
        }
        self.written.extend(needed);
    }
}

fn spelled(operand: &Operand) -> String {
    match operand {
        Operand::Spelled(text) => text.clone(),
        Operand::Statement(at) => format!("s{at}"),
    }
}

/// `LogPlusOne` as `log_plus_one`.
fn with_underscores(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
