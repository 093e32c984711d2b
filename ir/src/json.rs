//! The JSON form of a graph: versioned, readable, exact to the bit.
//!
//! Constants are written as hexadecimal little-endian bytes, so NaN payloads, infinities and
//! signed zeros survive. A graph that is read is verified before it is returned.
//!
//! The two functions are `#[inline]` to be compiled where they are called: what serde makes of all ops would take
//! a fifth of this crate's time, in every program.

use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::graph::{Location, Node, NodeKind, Port, Use, Value};
use crate::verify::{VerifyError, verify};
use crate::{Graph, Storage, Tensor, TensorType};

/// Version of the JSON form that this crate writes and reads.
pub const VERSION: u32 = 2;

/// Why a JSON text is no graph.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, or not of the expected form.
    #[error("not a graph in JSON form: {0}")]
    Syntax(#[from] serde_json::Error),
    /// Written by another version.
    #[error("the graph is in version {0} of the JSON form; this program reads version {VERSION}")]
    Version(u32),
    /// Well-formed, but not a valid graph.
    #[error(transparent)]
    Invalid(#[from] VerifyError),
}

#[derive(Serialize, Deserialize)]
struct Document {
    choral: u32,
    graph: Graph,
}

/// What is read first: a text of another version need not have this version's form.
#[derive(Deserialize)]
struct Header {
    choral: u32,
}

#[derive(Serialize, Deserialize)]
struct GraphForm {
    name: String,
    nodes: Vec<NodeForm>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

#[derive(Serialize, Deserialize)]
struct NodeForm {
    name: String,
    kind: NodeKind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    operands: Vec<Value>,
    types: Vec<TensorType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
}

impl Graph {
    /// The graph as JSON text.
    ///
    /// # Errors
    /// Never for graphs that a builder made; the serializer's error otherwise.
    #[inline]
    pub fn to_json(&self) -> Result<String, JsonError> {
        Ok(serde_json::to_string_pretty(&Document { choral: VERSION, graph: self.clone() })?)
    }

    /// The graph of a JSON text.
    ///
    /// # Errors
    /// If the text is not JSON, of another version, or not a valid graph.
    #[inline]
    pub fn from_json(text: &str) -> Result<Graph, JsonError> {
        let Header { choral } = serde_json::from_str(text)?;
        if choral != VERSION {
            return Err(JsonError::Version(choral));
        }
        let Document { choral: _, graph } = serde_json::from_str(text)?;
        verify(&graph)?;
        Ok(graph)
    }
}

impl Serialize for Graph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nodes = self.nodes().map(|(id, node)| NodeForm {
            name: node.name.clone(),
            kind: node.kind.clone(),
            operands: self.operands(id),
            types: node.types.clone(),
            location: node.location.clone(),
        });
        let form = GraphForm {
            name: self.name.clone(),
            nodes: nodes.collect(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Graph {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Graph, D::Error> {
        let GraphForm { name, nodes, inputs, outputs } = GraphForm::deserialize(deserializer)?;
        let mut dag = DiGraph::with_capacity(nodes.len(), nodes.len());
        for (index, form) in nodes.into_iter().enumerate() {
            let NodeForm { name, kind, operands, types, location } = form;
            dag.add_node(Node { kind, types, name, location });
            for (position, operand) in operands.into_iter().enumerate() {
                if operand.node().index() >= index {
                    let message =
                        format!("node {index} uses node {} before it is defined", operand.node().index());
                    return Err(D::Error::custom(message));
                }
                let edge = Use { operand: position as u32, result: operand.result };
                dag.add_edge(NodeIndex::new(operand.node().index()), NodeIndex::new(index), edge);
            }
        }
        Ok(Graph { name, dag, inputs, outputs })
    }
}

#[derive(Serialize, Deserialize)]
struct TensorForm {
    ty: TensorType,
    bytes: Arc<str>,
}

impl Serialize for Tensor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: String = self.storage().to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        TensorForm { ty: self.ty().clone(), bytes: bytes.into() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tensor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tensor, D::Error> {
        let TensorForm { ty, bytes } = TensorForm::deserialize(deserializer)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let decoded: Option<Vec<u8>> = bytes
            .as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
                [] | [_] | [_, _, ..] => None,
            })
            .collect();
        let storage = decoded.and_then(|bytes| Storage::from_le_bytes(ty.dtype, &bytes));
        let storage = storage.ok_or_else(|| {
            D::Error::custom(format!("the bytes of a {ty} are not a whole number of hexadecimal elements"))
        })?;
        Tensor::from_storage(ty.shape, storage).map_err(D::Error::custom)
    }
}
