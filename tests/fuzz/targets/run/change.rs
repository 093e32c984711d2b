//! What is changed in a program: sizes and element types wherever they stand, and single attributes.

use std::collections::HashMap;

use choral_ir::{Builder, DType, Element, Graph, NodeKind, Op, Tensor, TensorType, Value, with_storage};
use serde_json::Value as Json;

/// Constants of more elements than this become one element for all.
const ELEMENTS: usize = 1 << 16;

/// Bytes that decide, read one after another; zeros at the end.
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub fn of(bytes: &'a [u8]) -> Choices<'a> {
        Choices(bytes)
    }

    pub fn next(&mut self) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(first)
    }

    fn of_several<T: Copy>(&mut self, several: &[T]) -> Option<T> {
        let at = self.next();
        (!several.is_empty()).then(|| several[at % several.len()])
    }

    /// A number in the place of another: at an edge, near it, or any small one.
    fn number(&mut self, known: i128) -> i128 {
        const EDGES: [i128; 16] = [
            0,
            1,
            2,
            3,
            -1,
            -2,
            64,
            1 << 16,
            1 << 31,
            (1 << 31) - 1,
            1 << 32,
            1 << 40,
            1 << 62,
            i64::MAX as i128,
            i64::MIN as i128,
            u64::MAX as i128,
        ];
        match self.next() {
            at @ 0..128 => EDGES[at % EDGES.len()],
            at @ 128..192 => known + at as i128 % 8 - 4,
            at => at as i128 - 192,
        }
    }
}

/// One element type or size in the place of another, throughout the program.
#[derive(Clone, Copy)]
enum Everywhere {
    Nothing,
    Size(usize, usize),
    Type(DType, DType),
}

/// The program with some of this changed; `None` if an op refuses what comes of it.
pub fn changed(graph: &Graph, choices: &mut Choices) -> Option<Graph> {
    let everywhere = everywhere(graph, choices);
    let ops: Vec<usize> = graph
        .nodes()
        .filter(|(_, node)| matches!(node.kind, NodeKind::Op(_)))
        .map(|(id, _)| id.index())
        .collect();
    let touched: Vec<usize> = (0..choices.next() % 4).filter_map(|_| choices.of_several(&ops)).collect();
    let mut builder = Builder::new(graph.name());
    let mut values: HashMap<Value, Value> = HashMap::new();
    for (id, node) in graph.nodes() {
        builder.describe(Some(node.name.clone()), node.location.clone());
        let operands: Vec<Value> = graph.operands(id).iter().map(|value| values[value]).collect();
        let results = match &node.kind {
            NodeKind::Input => vec![builder.input(node.name.clone(), typed(&node.types[0], everywhere)?)],
            NodeKind::Constant(tensor) => {
                let ty = typed(&node.types[0], everywhere)?;
                vec![builder.literal(constant(tensor, &ty)?, ty)]
            }
            NodeKind::Op(op) => {
                let choices = touched.contains(&id.index()).then_some(&mut *choices);
                builder.push_all(with_attributes(op, everywhere, choices), &operands).ok()?
            }
        };
        values.extend(results.into_iter().enumerate().map(|(at, value)| (id.result(at), value)));
    }
    let outputs: Option<Vec<Value>> =
        graph.outputs().iter().map(|port| values.get(&port.value).copied()).collect();
    Some(builder.finish(&outputs?))
}

fn everywhere(graph: &Graph, choices: &mut Choices) -> Everywhere {
    let types: Vec<&TensorType> = graph.nodes().flat_map(|(_, node)| &node.types).collect();
    let sizes: Vec<usize> = types.iter().flat_map(|ty| ty.shape.iter().copied()).collect();
    let dtypes: Vec<DType> = types.iter().map(|ty| ty.dtype).collect();
    match choices.next() % 3 {
        0 => Everywhere::Nothing,
        1 => match choices.of_several(&sizes) {
            Some(size) => {
                let to = choices.number(size as i128);
                Everywhere::Size(size, usize::try_from(to).unwrap_or(size))
            }
            None => Everywhere::Nothing,
        },
        _ => match (choices.of_several(&dtypes), choices.of_several(&DType::ALL)) {
            (Some(from), Some(to)) => Everywhere::Type(from, to),
            (_, _) => Everywhere::Nothing,
        },
    }
}

/// The type of an input or a constant; `None` if no value is of it, which ops refuse and the verifier.
fn typed(ty: &TensorType, everywhere: Everywhere) -> Option<TensorType> {
    Some(replaced(ty, everywhere)).filter(TensorType::is_addressable)
}

fn replaced(ty: &TensorType, everywhere: Everywhere) -> TensorType {
    match everywhere {
        Everywhere::Size(from, to) => {
            let size = |&size: &usize| if size == from { to } else { size };
            ty.with_shape(ty.shape.iter().map(size).collect::<Vec<_>>())
        }
        Everywhere::Type(from, to) if ty.dtype == from => ty.with_dtype(to),
        Everywhere::Type(..) | Everywhere::Nothing => ty.clone(),
    }
}

/// A constant's elements again and again, in another type.
fn constant(tensor: &Tensor, ty: &TensorType) -> Option<Tensor> {
    if tensor.ty() == ty {
        return Some(tensor.clone());
    }
    let is_splat = tensor.shape().is_empty() || ty.len() > ELEMENTS;
    let shape = if is_splat { &[][..] } else { ty.shape.as_slice() };
    let repeated = with_storage!(tensor.storage(), values => {
        let element = |at: usize| values.get(at % values.len().max(1)).copied();
        let length = if is_splat { 1 } else { ty.len() };
        let elements = (0..length).map(element).collect::<Option<Vec<_>>>()?;
        Tensor::from_storage(shape, Element::store(elements)).ok()?
    });
    Some(repeated.to_dtype(ty.dtype))
}

/// The op with sizes and element types changed as everywhere, and one attribute more if there are choices;
/// as it was where no op is spelled so.
fn with_attributes(op: &Op, everywhere: Everywhere, choices: Option<&mut Choices>) -> Op {
    let Ok(mut json) = serde_json::to_value(op) else { return op.clone() };
    let mut places = Vec::new();
    find(&json, String::new(), &mut places);
    for place in &places {
        if let Some(value) = json.pointer_mut(place) {
            follow(value, everywhere);
        }
    }
    if let Some(choices) = choices
        && let Some(at) = choices.of_several(&(0..places.len()).collect::<Vec<_>>())
        && let Some(value) = json.pointer_mut(&places[at])
    {
        change(value, choices);
    }
    serde_json::from_value(json).unwrap_or_else(|_| op.clone())
}

/// Pointers to everything but regions, which stay as they are.
fn find(value: &Json, place: String, places: &mut Vec<String>) {
    match value {
        Json::Object(entries) if entries.contains_key("nodes") => {}
        Json::Object(entries) => {
            entries.iter().for_each(|(key, entry)| find(entry, format!("{place}/{key}"), places));
        }
        Json::Array(entries) => {
            places.push(place.clone());
            entries.iter().enumerate().for_each(|(at, entry)| find(entry, format!("{place}/{at}"), places));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => places.push(place),
    }
}

fn follow(value: &mut Json, everywhere: Everywhere) {
    match everywhere {
        Everywhere::Size(from, to) if value.as_u64() == Some(from as u64) => *value = Json::from(to),
        Everywhere::Type(from, to) if value.as_str() == Some(from.name()) => *value = Json::from(to.name()),
        Everywhere::Size(..) | Everywhere::Type(..) | Everywhere::Nothing => {}
    }
}

fn change(value: &mut Json, choices: &mut Choices) {
    match value {
        Json::Bool(flag) => *flag = !*flag,
        Json::Number(number) => {
            let known = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from)).unwrap_or(0);
            let number = choices.number(known);
            *value = match (u64::try_from(number), i64::try_from(number)) {
                (Ok(number), _) => Json::from(number),
                (_, Ok(number)) => Json::from(number),
                (Err(_), Err(_)) => return,
            };
        }
        Json::String(text) if DType::from_name(text).is_some() => {
            let dtype = choices.of_several(&DType::ALL);
            *text = dtype.map_or_else(String::new, |dtype| dtype.name().to_owned());
        }
        Json::Array(entries) => match (choices.next() % 3, entries.last().cloned()) {
            (0, Some(last)) => entries.push(last),
            (1, _) => drop(entries.pop()),
            (_, _) => entries.reverse(),
        },
        Json::Null => *value = Json::from(choices.next()),
        Json::String(_) | Json::Object(_) => {}
    }
}
