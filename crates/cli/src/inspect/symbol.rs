//! Nodes of a symbol file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use brazier_model::graph;
use brazier_mxnet::symbol::Symbol;
use serde_json::{Map, Value, json};

use super::Form;
use crate::fault::client;

/// Shows the nodes in file order.
pub fn show(path: &Path, bytes: &[u8], form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let refused = |reason: String| client(format!("{}: {reason}", path.display()));
    let text = std::str::from_utf8(bytes).map_err(|error| refused(error.to_string()))?;
    let symbol = Symbol::parse(text).map_err(|error| refused(error.to_string()))?;
    if form.json {
        for node in &symbol.nodes {
            let attributes: Map<String, Value> =
                node.attrs.iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
            let inputs: Vec<&str> = symbol.inputs(node).map(|input| input.name.as_str()).collect();
            let line = json!({ "op": node.op, "name": node.name, "attrs": attributes, "inputs": inputs });
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let mut operators: BTreeMap<&str, usize> = BTreeMap::new();
    for node in symbol.nodes.iter().filter(|node| !node.is_variable()) {
        *operators.entry(&node.op).or_default() += 1;
        let inputs: Vec<&str> = symbol.inputs(node).map(|input| input.name.as_str()).collect();
        writeln!(out, "{:<16} {:<28} {}", node.op, node.name, inputs.join(", "))?;
    }
    let version = symbol.mxnet_version().map_or("unknown".into(), |version| version.to_string());
    writeln!(out, "{}: {} nodes, MXNet version {version}", path.display(), symbol.nodes.len())?;
    for (operator, count) in operators {
        writeln!(out, "  {operator}: {count}")?;
    }
    // The graph does not tell the image's channels, and the layout's depth and width do not depend on them.
    match graph::layout(&symbol, 3) {
        Ok(layout) => writeln!(
            out,
            "  a {} with {} classes, last layer '{}'",
            layout.name(),
            layout.classes,
            layout.head
        )?,
        Err(error) => writeln!(out, "  {error}")?,
    }
    Ok(())
}
