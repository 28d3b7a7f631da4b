//! Writing, character for character as MXNet does (dmlc-core's `JSONWriter`).
//!
//! Its rule: a list stands on one line up to ten items, an object up to one; beyond that, and for the nodes and the
//! graph itself always, each item gets a line of its own, indented by two blanks. A comma is followed by a blank
//! even at the end of a line. No line break after the last brace.

use super::{Node, Symbol};
use serde_json::Value;

/// The most items of a list that stand on one line.
const LIST_LINE: usize = 10;
/// The most pairs of an object that stand on one line.
const OBJECT_LINE: usize = 1;

impl Symbol {
    /// The graph as JSON in MXNet's layout, the same bytes that MXNet writes for it. Fields that files before 0.9 do
    /// not have (`node_row_ptr`, `attrs`) are left out when empty.
    pub fn to_json(&self) -> String {
        let nodes = self.nodes.iter().map(|node| node_json(node, 2));
        let mut fields = vec![
            pair("nodes", &block(nodes, ['[', ']'], 0, 1)),
            pair("arg_nodes", &list(self.arg_nodes.iter().map(usize::to_string), 1)),
        ];
        if !self.node_row_ptr.is_empty() {
            fields.push(pair("node_row_ptr", &list(self.node_row_ptr.iter().map(usize::to_string), 1)));
        }
        fields.push(pair("heads", &list(self.heads.iter().map(edge), 1)));
        if !self.attrs.is_empty() {
            let attrs = self.attrs.iter().map(|(name, value)| pair(name, &value_json(value)));
            fields.push(pair("attrs", &block(attrs, ['{', '}'], OBJECT_LINE, 1)));
        }
        block(fields.into_iter(), ['{', '}'], 0, 0)
    }
}

fn node_json(node: &Node, depth: usize) -> String {
    let mut fields = vec![pair("op", &quoted(&node.op)), pair("name", &quoted(&node.name))];
    if !node.attrs.is_empty() {
        let attrs = node.attrs.iter().map(|(name, value)| pair(name, &quoted(value)));
        fields.push(pair("attrs", &block(attrs, ['{', '}'], OBJECT_LINE, depth + 1)));
    }
    fields.push(pair("inputs", &list(node.inputs.iter().map(edge), depth + 1)));
    block(fields.into_iter(), ['{', '}'], 0, depth)
}

fn edge([node, output, version]: &[usize; 3]) -> String {
    format!("[{node}, {output}, {version}]")
}

fn list(items: impl Iterator<Item = String>, depth: usize) -> String {
    block(items, ['[', ']'], LIST_LINE, depth)
}

/// Items between brackets: on one line when there are no more than `line`, otherwise one line each, with the
/// closing bracket at `depth`.
fn block(items: impl Iterator<Item = String>, [open, close]: [char; 2], line: usize, depth: usize) -> String {
    let items: Vec<String> = items.collect();
    if items.len() <= line || items.is_empty() {
        return format!("{open}{}{close}", items.join(", "));
    }
    let inner = format!("\n{}", "  ".repeat(depth + 1));
    let outer = format!("\n{}", "  ".repeat(depth));
    format!("{open}{inner}{}{outer}{close}", items.join(&format!(", {inner}")))
}

fn pair(name: &str, value: &str) -> String {
    format!("{}: {value}", quoted(name))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A graph attribute, `["int", 10300]`: a type and a value.
fn value_json(value: &Value) -> String {
    match value {
        Value::Array(items) => list(items.iter().map(Value::to_string), 1),
        value => value.to_string(),
    }
}
