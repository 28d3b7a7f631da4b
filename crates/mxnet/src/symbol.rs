//! `-symbol.json`: the graph of operators (nnvm's `SaveJSON`, as MXNet's `Symbol.tojson` calls it).
//!
//! Nodes stand in topological order; node 0 has no inputs. Variables (data, parameters, moving statistics) are
//! nodes whose operator is `null`. An edge is `[node, output, version]`; version 1 marks an input that its
//! operator changes, as BatchNorm changes its moving statistics.

mod attributes;
mod error;
mod read;
mod write;

pub use attributes::Attributes;
pub use error::SymbolError;

use serde_json::{Map, Value};

/// The operator name of a variable.
pub const VARIABLE: &str = "null";

/// A graph. Indices are positions in `nodes`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Symbol {
    /// Nodes in topological order: inputs have lower indices than what they feed.
    pub nodes: Vec<Node>,
    /// The variables, in order.
    pub arg_nodes: Vec<usize>,
    /// Prefix sums of the nodes' numbers of outputs, `nodes.len() + 1` of them. Empty in files before 0.9.
    pub node_row_ptr: Vec<usize>,
    /// The graph's outputs, as edges.
    pub heads: Vec<[usize; 3]>,
    /// The graph's own attributes, as `{"mxnet_version": ["int", 10300]}`.
    pub attrs: Map<String, Value>,
}

/// One operator or variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Operator name, `null` for a variable.
    pub op: String,
    /// Name, which for a variable is the parameter's name.
    pub name: String,
    /// Attributes as text, in file order. MXNet writes them sorted by name.
    pub attrs: Attributes,
    /// Edges in: node, output of that node, version.
    pub inputs: Vec<[usize; 3]>,
}

impl Symbol {
    /// A graph of these nodes, in topological order, with the other fields worked out: one output for each
    /// operator, but three (result, mean, variance) for BatchNorm, as MXNet's GPU builds count. `mxnet_version` is
    /// 10300 for MXNet 1.3.0.
    pub fn new(nodes: Vec<Node>, heads: Vec<[usize; 3]>, mxnet_version: i64) -> Self {
        let variables = nodes.iter().enumerate().filter(|(_, node)| node.is_variable());
        let arg_nodes = variables.map(|(index, _)| index).collect();
        let outputs = nodes.iter().map(|node| if node.op == "BatchNorm" { 3 } else { 1 });
        let sums = outputs.scan(0, |sum, outputs| {
            *sum += outputs;
            Some(*sum)
        });
        let node_row_ptr = std::iter::once(0).chain(sums).collect();
        let version = Value::from(vec![Value::from("int"), Value::from(mxnet_version)]);
        let attrs = std::iter::once(("mxnet_version".to_owned(), version)).collect();
        Self { nodes, arg_nodes, node_row_ptr, heads, attrs }
    }

    /// The node at an index.
    pub fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// The first node of that name, and its index.
    pub fn find(&self, name: &str) -> Option<(usize, &Node)> {
        self.nodes.iter().enumerate().find(|(_, node)| node.name == name)
    }

    /// The nodes that feed a node, in the order of its inputs.
    pub fn inputs<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Node> {
        node.inputs.iter().filter_map(|[index, ..]| self.node(*index))
    }

    /// The version that wrote the graph: major times 10000, minor times 100, patch.
    pub fn mxnet_version(&self) -> Option<i64> {
        self.attrs.get("mxnet_version")?.get(1)?.as_i64()
    }
}

impl Node {
    /// Whether this is data, a parameter or a moving statistic.
    pub fn is_variable(&self) -> bool {
        self.op == VARIABLE
    }
}
