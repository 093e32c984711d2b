//! The whole text: a module or several, what they declare, and which of their functions are read.

use super::error::Fault;
use super::lexer::Kind;
use super::parser::Parser;
use super::survey::{Function, MAIN};
use crate::check::Program;

/// Which functions of a text are wanted by themselves.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    /// The one that a program starts with.
    Entry,
    /// All without arguments that are not private to their module.
    Public,
}

impl<'a> Parser<'a> {
    /// The functions of the text that are wanted, or that nothing in it names, in order, with whether
    /// they are private. The others are read in place of their calls; if nothing reaches them, here.
    pub(super) fn module(&mut self, wanted: Wanted) -> Result<Vec<(bool, Program)>, Fault> {
        let entry = self.survey.entry();
        let wanted = if entry == Some(MAIN) { Wanted::Entry } else { wanted };
        let mut programs = Vec::new();
        let mut left = Vec::new();
        let mut depth = 0usize;
        loop {
            match self.peek() {
                Kind::Word("module") => {
                    self.module_header()?;
                    depth += 1;
                }
                Kind::Text("builtin.module") => {
                    self.generic_module_header()?;
                    depth += 1;
                }
                Kind::Word("func.func") | Kind::Text("func.func") => {
                    let function = self.next_function()?;
                    let is_wanted =
                        wanted == Wanted::Public && !function.is_private && !function.takes_arguments;
                    if is_wanted || entry == Some(function.name) || self.survey.is_unnamed(function.name) {
                        programs
                            .extend(self.function(function)?.map(|program| (function.is_private, program)));
                    } else {
                        left.push(function);
                        self.skip_function();
                    }
                }
                Kind::Word("sdy.mesh") | Kind::Text("sdy.mesh") => self.mesh()?,
                Kind::Hash(_) | Kind::Bang(_) => self.alias_definition()?,
                Kind::Resources => self.resources()?,
                Kind::Mark('}') if depth > 0 => {
                    self.advance();
                    depth -= 1;
                    self.generic_end()?;
                }
                Kind::End if depth == 0 => break,
                _ => return Err(self.unexpected("`func.func` or `module`")),
            }
        }
        let end = self.position;
        for function in left {
            if !self.functions.visited.contains(function.name) {
                programs.extend(self.function(function)?.map(|program| (function.is_private, program)));
            }
        }
        self.position = end;
        if programs.is_empty() { Err(self.unexpected("`func.func`")) } else { Ok(programs) }
    }

    fn module_header(&mut self) -> Result<(), Fault> {
        self.advance();
        if let Kind::Symbol(_) = self.peek() {
            self.advance();
        }
        self.skip_attributes()?;
        self.expect('{')
    }

    /// `"builtin.module"() <{..}> ({`, and the `^bb0:` of its block.
    fn generic_module_header(&mut self) -> Result<(), Fault> {
        self.generic_header()?;
        if let Kind::Block(_) = self.peek() {
            self.advance();
            self.expect(':')?;
        }
        Ok(())
    }

    /// `#loc1 = loc(...)`, `#list = array<i64: 1>`, `!type = tensor<f32>`: read where it is named.
    fn alias_definition(&mut self) -> Result<(), Fault> {
        self.advance();
        self.expect('=')?;
        if let Kind::Word("loc") = self.peek() {
            return self.skip_location();
        }
        self.skip_value()
    }

    /// Passes over a name or literal with the brackets behind it, and the type that a colon or arrow adds.
    fn skip_value(&mut self) -> Result<(), Fault> {
        loop {
            let first = self.pass_over_group("a definition")?;
            if self.peek() == Kind::Mark('<') && first != Kind::Mark('<') {
                continue;
            }
            match self.peek() {
                Kind::Mark(':') | Kind::Arrow => self.position += 1,
                _ => return Ok(()),
            }
        }
    }

    /// `sdy.mesh @mesh = <["x"=1]>`: devices change no value.
    fn mesh(&mut self) -> Result<(), Fault> {
        if let Kind::Text(name) = self.peek() {
            self.advance();
            self.generic(name)?;
            return self.skip_location();
        }
        self.advance();
        self.symbol()?;
        self.expect('=')?;
        self.skip_value()?;
        if self.eat('{') {
            self.record('}')?;
        }
        self.skip_location()
    }

    /// `{-# dialect_resources: {..} #-}`, whose bytes are known already.
    fn resources(&mut self) -> Result<(), Fault> {
        while self.peek() != Kind::Hash("-") {
            if let Kind::End = self.peek() {
                return Err(self.unexpected("`#-}`"));
            }
            self.advance();
        }
        self.advance();
        self.expect('}')
    }

    /// The function at hand, as the survey knows it.
    fn next_function(&mut self) -> Result<Function<'a>, Fault> {
        let (at, start) = (self.at(), self.position);
        let known = self.survey.functions.binary_search_by_key(&start, |function| function.start);
        let Ok(known) = known else {
            self.advance();
            return Err(match self.peek() {
                Kind::Mark('(') => self.error(at, "expected a function with the attribute `sym_name`"),
                _ => self.unexpected("a function's `@name`"),
            });
        };
        let function = self.survey.functions[known];
        if self.survey.function(function.name).is_some_and(|first| first.start != start) {
            return Err(self.error(at, format!("expected a new name, found @{} once more", function.name)));
        }
        Ok(function)
    }

    /// Goes on behind a function that is read elsewhere.
    fn skip_function(&mut self) {
        let mut depth = 0usize;
        loop {
            self.advance();
            match self.peek() {
                Kind::Mark('{' | '(') => depth += 1,
                Kind::Mark('}' | ')') if depth > 0 => depth -= 1,
                Kind::Word("func.func" | "module" | "sdy.mesh") if depth == 0 => return,
                Kind::Text("func.func" | "builtin.module" | "sdy.mesh") if depth == 0 => return,
                Kind::Hash(_) | Kind::Bang(_) if depth == 0 && self.peek_second() == Kind::Mark('=') => {
                    return;
                }
                Kind::Mark('}') | Kind::Resources | Kind::End => return,
                _ => {}
            }
        }
    }
}
