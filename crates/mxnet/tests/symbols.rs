//! Graphs that MXNet wrote are read as described and written back byte for byte; older spellings are read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod golden;

use brazier_mxnet::symbol::{Attributes, Symbol, SymbolError};
use golden::{expected, file};
use serde_json::{Value, json};

fn text(name: &str) -> String {
    String::from_utf8(file(name)).unwrap()
}

fn describe(symbol: &Symbol) -> Value {
    let attrs = |attrs: &Attributes| -> Value {
        attrs.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let nodes = symbol.nodes.iter().map(|node| {
        json!({ "op": node.op, "name": node.name, "attrs": attrs(&node.attrs), "inputs": node.inputs })
    });
    json!({
        "nodes": nodes.collect::<Vec<_>>(), "arg_nodes": symbol.arg_nodes, "node_row_ptr": symbol.node_row_ptr,
        "heads": symbol.heads, "mxnet_version": symbol.mxnet_version(),
    })
}

#[test]
fn graphs_equal_description() {
    let expected = expected("symbols");
    let files = expected.as_object().unwrap();
    assert_eq!(files.len(), 2);
    for (name, graph) in files {
        assert_eq!(describe(&Symbol::parse(&text(name)).unwrap()), *graph, "{name}");
    }
}

#[test]
fn written_back_byte_for_byte() {
    for name in ["resnet-symbol.json", "wide-symbol.json"] {
        assert_eq!(Symbol::parse(&text(name)).unwrap().to_json(), text(name), "{name}");
    }
}

fn derived(symbol: &Symbol) -> Symbol {
    Symbol::new(symbol.nodes.clone(), symbol.heads.clone(), 10901)
}

#[test]
fn derived_fields_are_those_of_mxnet() {
    let wide = Symbol::parse(&text("wide-symbol.json")).unwrap();
    assert_eq!(derived(&wide), wide);
    let mut resnet = Symbol::parse(&text("resnet-symbol.json")).unwrap();
    // The oneDNN build that made the file gives max pooling a second output, its workspace; others do not.
    let (pool, _) = resnet.find("pooling0").unwrap();
    resnet.node_row_ptr[pool + 1..].iter_mut().for_each(|row| *row -= 1);
    assert_eq!(derived(&resnet), resnet);
}

#[test]
fn graph_is_walked_from_its_head() {
    let symbol = Symbol::parse(&text("resnet-symbol.json")).unwrap();
    let [head, ..] = symbol.heads[0];
    let softmax = symbol.node(head).unwrap();
    let inputs: Vec<_> = symbol.inputs(softmax).map(|node| node.name.as_str()).collect();
    assert_eq!(inputs, ["fc1", "softmax_label"]);
    let (index, fc1) = symbol.find("fc1").unwrap();
    assert_eq!((fc1.op.as_str(), fc1.attrs.get("num_hidden")), ("FullyConnected", Some("10")));
    assert_eq!(symbol.node(index), Some(fc1));
    let (_, mean) = symbol.find("bn1_moving_mean").unwrap();
    assert!(mean.is_variable());
    assert_eq!(mean.attrs.get("__init__"), Some("[\"zero\", {}]"));
    assert!(symbol.find("fc2").is_none());
}

#[test]
fn older_spellings_are_read() {
    let symbol = Symbol::parse(&text("old-symbol.json")).unwrap();
    let (_, fc1) = symbol.find("fc1").unwrap();
    assert_eq!(fc1.inputs, [[0, 0, 0], [1, 0, 0], [2, 0, 0]]);
    assert_eq!(
        fc1.attrs,
        Attributes::from_iter([("no_bias", "False"), ("num_hidden", "10"), ("lr_mult", "2.0")])
    );
    assert_eq!(symbol.mxnet_version(), None);
    assert_eq!(Symbol::parse(&symbol.to_json()).unwrap(), symbol);
    let renamed = text("resnet-symbol.json").replace("\"attrs\": {\n", "\"attr\": {\n");
    assert_ne!(renamed, text("resnet-symbol.json"));
    assert_eq!(
        Symbol::parse(&renamed).unwrap().nodes,
        Symbol::parse(&text("resnet-symbol.json")).unwrap().nodes
    );
}

fn graph(inputs: &str, arg_nodes: &str, rows: &str, heads: &str) -> Result<Symbol, SymbolError> {
    Symbol::parse(&format!(
        r#"{{"nodes": [{{"op": "null", "name": "a", "inputs": []}},
                       {{"op": "Flatten", "name": "b", "inputs": {inputs}}}],
            "arg_nodes": {arg_nodes}, "node_row_ptr": {rows}, "heads": {heads}}}"#
    ))
}

#[test]
fn indices_that_point_nowhere_are_errors() {
    assert!(graph("[[0, 0, 0]]", "[0]", "[0, 1, 2]", "[[1, 0, 0]]").is_ok());
    let index = |found, limit, graph| match graph {
        Err(SymbolError::Index { found: f, limit: l, .. }) => assert_eq!((f, l), (found, limit)),
        other => panic!("{other:?}"),
    };
    index(1, 1, graph("[[1, 0, 0]]", "[0]", "[0, 1, 2]", "[[1, 0, 0]]"));
    index(7, 1, graph("[[0, 7, 0]]", "[0]", "[0, 1, 2]", "[[1, 0, 0]]"));
    index(2, 2, graph("[[0, 0, 0]]", "[2]", "[0, 1, 2]", "[[1, 0, 0]]"));
    index(9, 2, graph("[[0, 0, 0]]", "[0]", "[0, 1, 2]", "[[9, 0, 0]]"));
    for rows in ["[0, 1]", "[0, 2, 1]", "[1, 2, 3]"] {
        let found = graph("[]", "[0]", rows, "[[0, 0, 0]]");
        assert!(matches!(found, Err(SymbolError::RowPointers { expected: 3, .. })), "{rows}");
    }
    assert!(matches!(graph("[[0]]", "[0]", "[0, 1, 2]", "[]"), Err(SymbolError::Json(_))));
}
