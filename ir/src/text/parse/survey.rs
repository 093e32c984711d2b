//! What a text declares before it is read: its functions, its aliases, its resources.
//!
//! A call may name a function that stands below it, a literal the bytes at the end of the file. One walk
//! over the tokens finds where each of them is.

use std::collections::{HashMap, HashSet};

use super::lexer::{Kind, Token};

/// The function that a program starts with.
pub(super) const MAIN: &str = "main";

/// Where a text declares its names.
#[derive(Default)]
pub(super) struct Survey<'a> {
    /// Functions in order; of two with one name both are here.
    pub(super) functions: Vec<Function<'a>>,
    /// Functions by name; of two with one name the first.
    by_name: HashMap<&'a str, Function<'a>>,
    /// Functions that something in the text names.
    named: HashSet<&'a str>,
    /// How many ops the text has at most, counted as for each function.
    pub(super) ops: usize,
    /// How many ops each function stands for at most: colons, as every op has one before its types.
    sizes: HashMap<&'a str, usize>,
    /// The token at which the definition of `#alias` starts.
    pub(super) attributes: HashMap<&'a str, usize>,
    /// The token at which the definition of `!alias` starts.
    pub(super) types: HashMap<&'a str, usize>,
    /// The hexadecimal digits of each resource.
    pub(super) resources: HashMap<&'a str, &'a str>,
}

/// A function as its first tokens tell.
#[derive(Clone, Copy)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    /// The token at which it starts.
    pub(super) start: usize,
    /// Whether it is private to the module.
    pub(super) is_private: bool,
    /// Whether it has arguments.
    pub(super) takes_arguments: bool,
    /// The token at which its type stands, in the generic form.
    pub(super) types: Option<usize>,
}

impl<'a> Survey<'a> {
    pub(super) fn of(tokens: &[Token<'a>]) -> Survey<'a> {
        let mut survey = Survey::default();
        let kind = |index: usize| tokens.get(index).map_or(Kind::End, |token| token.kind);
        let mut in_resources = false;
        let (mut uses, mut colons) = (Vec::new(), Vec::new());
        for index in 0..tokens.len() {
            match (kind(index), kind(index + 1)) {
                (Kind::Resources, _) => in_resources = true,
                (Kind::Hash("-"), _) => in_resources = false,
                (Kind::Word(name) | Kind::Text(name), Kind::Mark(':')) if in_resources => {
                    if let Kind::Text(digits) = kind(index + 2) {
                        survey.resources.insert(name, digits);
                    }
                }
                (Kind::Word("func.func"), _) => survey.declare(pretty(&kind, index)),
                (Kind::Text("func.func"), _) => survey.declare(generic(&kind, index)),
                (Kind::Hash(alias), Kind::Mark('=')) => {
                    survey.attributes.insert(alias, index + 2);
                }
                (Kind::Bang(alias), Kind::Mark('=')) => {
                    survey.types.insert(alias, index + 2);
                }
                (Kind::Symbol(name), _) if index > 0 && names_a_function(kind(index - 1)) => {
                    survey.named.insert(name);
                    uses.push((index, name));
                }
                (Kind::Mark(':'), _) => colons.push(index),
                _ => {}
            }
        }
        survey.ops = colons.len();
        survey.sizes = survey.sizes(&uses, &colons);
        survey
    }

    /// How many ops the function stands for at most, those of functions that it names once for each time.
    pub(super) fn size(&self, name: &str) -> usize {
        self.sizes.get(name).copied().unwrap_or_default()
    }

    /// As [`Survey::size`] for all functions, given where functions are named, and where colons stand.
    fn sizes(&self, uses: &[(usize, &'a str)], colons: &[usize]) -> HashMap<&'a str, usize> {
        let mut own = HashMap::with_capacity(self.functions.len());
        for (at, function) in self.functions.iter().enumerate() {
            let end = self.functions.get(at + 1).map_or(usize::MAX, |next| next.start);
            let named = |token| uses.partition_point(|(index, _)| *index < token);
            let before = |token| colons.partition_point(|index| *index < token);
            let ops = before(end) - before(function.start);
            own.entry(function.name).or_insert((ops, &uses[named(function.start)..named(end)]));
        }
        let mut sizes = HashMap::with_capacity(own.len());
        let mut open = HashSet::new();
        let mut path: Vec<&str> = self.functions.iter().map(|function| function.name).collect();
        while let Some(&name) = path.last() {
            let Some((ops, uses)) = own.get(name).filter(|_| !sizes.contains_key(name)) else {
                path.pop();
                continue;
            };
            if open.insert(name) {
                path.extend(uses.iter().map(|(_, callee)| *callee).filter(|callee| !open.contains(callee)));
                continue;
            }
            // What calls itself is refused where it is called.
            let called = uses.iter().map(|(_, callee)| sizes.get(callee).copied().unwrap_or_default());
            sizes.insert(name, called.fold(*ops, usize::saturating_add));
            path.pop();
        }
        sizes
    }

    fn declare(&mut self, function: Option<Function<'a>>) {
        let Some(function) = function else { return };
        self.functions.push(function);
        self.by_name.entry(function.name).or_insert(function);
    }

    /// The function of this name.
    pub(super) fn function(&self, name: &str) -> Option<Function<'a>> {
        self.by_name.get(name).copied()
    }

    /// The function that a program starts with: `@main`, or the first one.
    pub(super) fn entry(&self) -> Option<&'a str> {
        let main = self.functions.iter().find(|function| function.name == MAIN);
        main.or(self.functions.first()).map(|function| function.name)
    }

    /// Whether nothing in the text names the function.
    pub(super) fn is_unnamed(&self, name: &str) -> bool {
        !self.named.contains(name)
    }
}

/// Whether a symbol after this token may be the name of a function that is used, not declared.
fn names_a_function(before: Kind<'_>) -> bool {
    !matches!(before, Kind::Word("func.func" | "public" | "private" | "nested" | "stablehlo.custom_call"))
}

/// `func.func private @name`.
fn pretty<'a>(kind: &impl Fn(usize) -> Kind<'a>, start: usize) -> Option<Function<'a>> {
    let visibility = kind(start + 1);
    let at = if let Kind::Word(_) = visibility { start + 2 } else { start + 1 };
    let Kind::Symbol(name) = kind(at) else { return None };
    let is_private = visibility == Kind::Word("private");
    Some(Function { name, start, is_private, takes_arguments: kind(at + 2) != Kind::Mark(')'), types: None })
}

/// `"func.func"() <{sym_name = "name"}> ({..})`, or with these attributes after the body.
fn generic<'a>(kind: &impl Fn(usize) -> Kind<'a>, start: usize) -> Option<Function<'a>> {
    let mut index = start + 3;
    if kind(index) == Kind::Mark('(') {
        index = behind(kind, index);
    }
    let end = behind(kind, if kind(index) == Kind::Mark('<') { index + 1 } else { index });
    let entry = |wanted: &str| {
        (index..end)
            .find(|&at| kind(at) == Kind::Word(wanted) && kind(at + 1) == Kind::Mark('='))
            .map(|at| at + 2)
    };
    let Kind::Text(name) = kind(entry("sym_name")?) else { return None };
    let is_private = entry("sym_visibility").is_some_and(|at| kind(at) == Kind::Text("private"));
    let types = entry("function_type");
    let takes_arguments = types.is_some_and(|at| kind(at + 1) != Kind::Mark(')'));
    Some(Function { name, start, is_private, takes_arguments, types })
}

/// The token after the bracket that closes the one here; braces and parentheses alone count.
fn behind<'a>(kind: &impl Fn(usize) -> Kind<'a>, open: usize) -> usize {
    let mut depth = 0usize;
    for index in open.. {
        match kind(index) {
            Kind::Mark('(' | '{') => depth += 1,
            Kind::Mark(')' | '}') => depth = depth.saturating_sub(1),
            Kind::End => return index,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    open
}
