//! Reading, in every spelling MXNet has used, and checking that the graph is one.

use super::{Attributes, Node, Symbol, SymbolError};
use serde::Deserialize;
use serde_json::{Map, Value};

impl Symbol {
    /// Reads a graph. Attributes may be called `attrs` (since MXNet 1.0), `attr` or `param` (before), and edges may
    /// lack their version (before 0.9).
    ///
    /// # Errors
    /// When it is not JSON, not a graph, or an index points nowhere or, among a node's inputs, not backward.
    pub fn parse(text: &str) -> Result<Self, SymbolError> {
        let graph: GraphJson = serde_json::from_str(text)?;
        let symbol = Self {
            nodes: graph.nodes.into_iter().map(Node::from).collect(),
            arg_nodes: graph.arg_nodes,
            node_row_ptr: graph.node_row_ptr,
            heads: graph.heads.into_iter().map(|EdgeJson(edge)| edge).collect(),
            attrs: graph.attrs,
        };
        symbol.check().map(|()| symbol)
    }

    /// That every index points to something, and inputs backward: the graph has no cycle.
    fn check(&self) -> Result<(), SymbolError> {
        self.check_row_pointers()?;
        for (index, node) in self.nodes.iter().enumerate() {
            let owner = || format!("node {index} ({:?})", node.name);
            node.inputs.iter().try_for_each(|edge| self.check_edge(*edge, index, owner))?;
        }
        let limit = self.nodes.len();
        self.heads.iter().try_for_each(|edge| self.check_edge(*edge, limit, || "heads".to_owned()))?;
        let variables = |found: &usize| below(*found, limit, "an entry", || "arg_nodes".to_owned());
        self.arg_nodes.iter().try_for_each(variables)
    }

    fn check_row_pointers(&self) -> Result<(), SymbolError> {
        let (rows, expected) = (&self.node_row_ptr, self.nodes.len() + 1);
        let sound = rows.first() == Some(&0) && rows.len() == expected && rows.is_sorted();
        if rows.is_empty() || sound {
            return Ok(());
        }
        Err(SymbolError::RowPointers { found: rows.len(), expected })
    }

    /// That an edge comes from an output of a node below `limit`.
    fn check_edge(
        &self,
        [node, output, _]: [usize; 3],
        limit: usize,
        owner: impl Fn() -> String,
    ) -> Result<(), SymbolError> {
        below(node, limit, "an edge's node", &owner)?;
        match self.node_row_ptr.get(node..=node + 1) {
            Some([begins, ends]) => below(output, ends - begins, "an edge's output", owner),
            _ => Ok(()),
        }
    }
}

fn below(
    found: usize,
    limit: usize,
    field: &'static str,
    owner: impl Fn() -> String,
) -> Result<(), SymbolError> {
    if found < limit {
        return Ok(());
    }
    Err(SymbolError::Index { owner: owner(), field, found, limit })
}

#[derive(Deserialize)]
struct GraphJson {
    nodes: Vec<NodeJson>,
    arg_nodes: Vec<usize>,
    #[serde(default)]
    node_row_ptr: Vec<usize>,
    heads: Vec<EdgeJson>,
    #[serde(default)]
    attrs: Map<String, Value>,
}

/// Files before 0.9 have both `param`, the operator's, and `attr`, the user's.
#[derive(Deserialize)]
struct NodeJson {
    op: String,
    name: String,
    #[serde(default)]
    attrs: Attributes,
    #[serde(default)]
    attr: Attributes,
    #[serde(default)]
    param: Attributes,
    inputs: Vec<EdgeJson>,
}

impl From<NodeJson> for Node {
    fn from(json: NodeJson) -> Self {
        let NodeJson { op, name, attrs, attr, param, inputs } = json;
        let attrs = Attributes([attrs.0, param.0, attr.0].concat());
        Self { op, name, attrs, inputs: inputs.into_iter().map(|EdgeJson(edge)| edge).collect() }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "Vec<usize>")]
struct EdgeJson([usize; 3]);

impl TryFrom<Vec<usize>> for EdgeJson {
    type Error = String;

    fn try_from(edge: Vec<usize>) -> Result<Self, String> {
        match *edge.as_slice() {
            [node, output] => Ok(Self([node, output, 0])),
            [node, output, version] => Ok(Self([node, output, version])),
            _ => Err(format!("an edge has {} numbers, expected 2 or 3", edge.len())),
        }
    }
}
