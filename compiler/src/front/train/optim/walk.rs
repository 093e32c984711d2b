//! A rule for one parameter made a step of a whole tree, and what does not fit.

use std::collections::HashSet;
use std::panic::Location as Caller;

use choral_ir::{DType, TensorType};
use indexmap::IndexMap;

use super::{Optimiser, OptimiserState, Rule, Scalars};
use crate::front::state::{Module, State};
use crate::front::trace::var::Var;
use crate::front::trace::{trace_of, within};
use crate::front::tree::{Kind, Path, Tree, Walk, leaves};

/// One step: every parameter by the optimiser's rule, everything else as it is.
pub(super) fn update<O: Optimiser + ?Sized, P: Module<Var>>(
    optimiser: &O,
    params: &P,
    gradients: &impl Tree<Var>,
    state: &OptimiserState<Var>,
    at: &'static Caller<'static>,
) -> (P, OptimiserState<Var>) {
    let unchanged = || (params.map(&mut Walk::default(), &mut |_, var| var.clone()), state.clone());
    let Some(trace) = trace_of(&[&state.step]) else { return unchanged() };
    let gradients: State<Var> =
        leaves(gradients).into_iter().map(|(path, var)| (path.state_name(), var)).collect();
    let faults = faults(optimiser, params, &gradients, state);
    if !faults.is_empty() {
        for fault in faults {
            trace.fault(format!("{}: {fault}", optimiser.name()), at);
        }
        return unchanged();
    }
    let scope = optimiser.name().to_lowercase();
    let step = within(&trace, &scope, at, || (&state.step + 1).renamed("step"));
    let mut rules: Vec<(DType, Rule)> = Vec::new();
    let mut slots: IndexMap<String, State<Var>> =
        state.slots.keys().map(|slot| (slot.clone(), State::new())).collect();
    let params = params.map(&mut Walk::default(), &mut |path, param: &Var| {
        let name = path.state_name();
        let Some(gradient) = gradients.get(&name).filter(|_| path.kind() == Kind::Parameter) else {
            return param.clone();
        };
        let dtype = param.dtype().accumulator();
        let known = rules.iter().position(|(known, _)| *known == dtype).unwrap_or_else(|| {
            let rule = within(&trace, &scope, at, || {
                optimiser.rule(&Scalars { optimiser: optimiser.name(), step: step.to(DType::F64), dtype })
            });
            rules.push((dtype, rule));
            rules.len() - 1
        });
        let before: Vec<Var> = state.slots.values().map(|slot| slot[&name].clone()).collect();
        let (new, after) = within(&trace, &joined(&scope, &name), at, || {
            let (new, after) = rules[known].1(&param.widened(), &gradient.widened(), &before);
            (new.to(param.dtype()), after)
        });
        if let Some(fault) = rule_fault(optimiser, param, &new, &before, &after) {
            trace.fault(fault, at);
        }
        for ((slot, vars), var) in slots.iter_mut().zip(after) {
            vars.insert(name.clone(), var.named(&joined(&joined(&scope, slot), &name)));
        }
        new.named(&joined(&scope, &name))
    });
    (params, OptimiserState { step, slots })
}

/// The name of a part; that of the whole where the part has none.
fn joined(whole: &str, part: &str) -> String {
    if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
}

/// What is wrong with what a rule made of a parameter and its slots.
fn rule_fault<O: Optimiser + ?Sized>(
    optimiser: &O,
    param: &Var,
    new: &Var,
    before: &[Var],
    after: &[Var],
) -> Option<String> {
    let types = |vars: &[Var]| vars.iter().map(|var| var.ty().clone()).collect::<Vec<_>>();
    let fits = new.ty() == param.ty() && types(after) == types(before);
    let shown = |param: &Var, slots: &[Var]| {
        let types: Vec<String> = slots.iter().map(|var| var.ty().to_string()).collect();
        format!("{} and slots [{}]", param.ty(), types.join(", "))
    };
    (!fits).then(|| {
        let (expected, got) = (shown(param, before), shown(new, after));
        format!("{}: its rule must make {expected}, got {got}", optimiser.name())
    })
}

/// All that does not fit, each in a sentence; nothing about stand-ins, which come from earlier faults.
fn faults<O: Optimiser + ?Sized>(
    optimiser: &O,
    params: &impl Tree<Var>,
    gradients: &State<Var>,
    state: &OptimiserState<Var>,
) -> Vec<String> {
    let (mut faults, mut names) = (Vec::new(), HashSet::new());
    let all = leaves(params);
    for (path, param) in all.iter().filter(|(path, _)| path.kind() == Kind::Parameter) {
        let (name, ty) = (path.state_name(), param.ty());
        if !names.insert(name.clone()) {
            faults.push(format!("two parameters are called {name}; give their parts names of their own"));
        }
        if !ty.dtype.is_float() {
            faults.push(format!(
                "{name}: {ty} has no gradient; make it a buffer, #[module(buffer)], or keep it apart from the parameters"
            ));
            continue;
        }
        match gradients.get(&name) {
            None => faults.push(format!(
                "{name}: {ty} has no gradient; give the optimiser only what is trained, as named_parameters() does"
            )),
            Some(gradient) if gradient.value.is_some() && gradient.ty() != ty => faults.push(format!(
                "{name}: the gradient must be {ty}, as the parameter is, got {}",
                gradient.ty()
            )),
            Some(_) => {}
        }
    }
    let known = |name: &String| all.iter().any(|(path, _)| path.state_name() == *name);
    let unknown = gradients.keys().filter(|name| !known(name));
    faults.extend(unknown.map(|name| format!("{name}: a gradient of no parameter")));
    faults.extend(slot_faults(optimiser, &slot_types(&all), state));
    faults
}

/// The parameters with the types that their slots have.
fn slot_types(all: &[(Path, Var)]) -> State<TensorType> {
    let trained = all.iter().filter(|(path, var)| path.kind() == Kind::Parameter && var.dtype().is_float());
    trained
        .map(|(path, var)| {
            let mut ty = var.ty().clone();
            ty.dtype = ty.dtype.accumulator();
            (path.state_name(), ty)
        })
        .collect()
}

/// How a state differs from the one that the optimiser makes for these parameters.
fn slot_faults<O: Optimiser + ?Sized>(
    optimiser: &O,
    expected: &State<TensorType>,
    state: &OptimiserState<Var>,
) -> Vec<String> {
    let advice = "make the state of these parameters by this optimiser's init(&params)";
    let (has, wants) = (state.slots.keys().map(String::as_str).collect::<Vec<_>>(), optimiser.slots());
    if has != wants {
        let shown = |slots: &[&str]| if slots.is_empty() { "nothing".to_owned() } else { slots.join(", ") };
        let (has, wants) = (shown(&has), shown(&wants));
        return vec![format!(
            "the state is another optimiser's: expected {wants} of each parameter, got {has}; {advice}"
        )];
    }
    let mut faults = Vec::new();
    if state.step.rank() > 0 || state.step.dtype() != DType::I64 {
        faults.push(format!(
            "the state's step must be {}, got {}; where members have each their own, map over the state",
            TensorType::scalar(DType::I64),
            state.step.ty()
        ));
    }
    let mut differing = String::new();
    for (slot, vars) in &state.slots {
        for (name, ty) in expected {
            match vars.get(name) {
                None => differing += &format!("\n  {slot} of {name}: expected {ty}, there is none"),
                Some(var) if var.ty() != ty => {
                    differing += &format!("\n  {slot} of {name}: expected {ty}, got {}", var.ty());
                }
                Some(_) => {}
            }
        }
        for name in vars.keys().filter(|name| !expected.contains_key(*name)) {
            differing += &format!("\n  {slot} of {name}: there is no such parameter");
        }
    }
    if !differing.is_empty() {
        faults.push(format!("the state is that of other parameters:{differing}\n  {advice}"));
    }
    faults
}
