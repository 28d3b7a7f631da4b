//! Symbol to layout.

use std::collections::{BTreeMap, BTreeSet};

use brazier_mxnet::symbol::{Node, Symbol};

use super::symbol as symbol_of;
use crate::ModelError;
use crate::architecture::Architecture;
use crate::layout::{Format, Layout, Output, Stage, Stem, UnitKind};

/// The layout of a saved graph. `channels` are the image's, which the graph does not tell. The last layer is whatever
/// FullyConnected feeds the output: `fc1`, `fc` and `newlayer_fc2` are all seen in the old algorithm's artifacts.
///
/// # Errors
/// A graph that is not a ResNet of this family: the first thing that differs is named.
pub fn layout(symbol: &Symbol, channels: usize) -> Result<Layout, ModelError> {
    let nodes: BTreeMap<&str, &Node> = symbol.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let (head, output) = head(symbol)?;
    let conv0 = operator(&nodes, "conv0", "Convolution")?;
    let stem = match attribute(conv0, "kernel")?.replace(' ', "").as_str() {
        "(3,3)" => Stem::Small,
        "(7,7)" => Stem::Large,
        other => return Err(graph(format!("conv0 has kernel {other}, expected (3, 3) or (7, 7)"))),
    };
    let bottleneck = nodes.contains_key("stage1_unit1_conv3");
    let (unit, last) = if bottleneck { (UnitKind::Bottleneck, 3) } else { (UnitKind::Basic, 2) };
    let mut stages = Vec::new();
    while nodes.contains_key(format!("stage{}_unit1_conv1", stages.len() + 1).as_str()) {
        let stage = stages.len() + 1;
        let units =
            (1..).take_while(|unit| nodes.contains_key(format!("stage{stage}_unit{unit}_conv1").as_str()));
        let widest = operator(&nodes, &format!("stage{stage}_unit1_conv{last}"), "Convolution")?;
        stages.push(Stage { units: units.count(), filters: number(widest, "num_filter")? });
    }
    // Every post-activation network has units that change shapes, whose shortcuts are normalised.
    let architecture = match symbol.nodes.iter().any(|node| node.name.ends_with("_sc_bn")) {
        true => Architecture::V15,
        false => Architecture::V2,
    };
    let found = Layout {
        architecture,
        channels,
        stem,
        stem_filters: number(conv0, "num_filter")?,
        unit,
        stages,
        classes: number(head, "num_hidden")?,
        head: head.name.clone(),
        output,
        format: format(symbol),
    };
    same_variables(symbol, &found)?;
    same_arithmetic(&nodes, &found)?;
    Ok(found)
}

/// What the image is cast to before anything else.
fn format(symbol: &Symbol) -> Format {
    let is_half = |node: &Node| {
        let input = node.inputs.first().and_then(|input| symbol.nodes.get(input[0]));
        node.op == "Cast"
            && node.attrs.get("dtype") == Some("float16")
            && input.is_some_and(|input| input.name == "data")
    };
    if symbol.nodes.iter().any(is_half) { Format::Float16 } else { Format::Float32 }
}

/// The FullyConnected that feeds the output, through any casts, and what the output makes of it.
fn head(symbol: &Symbol) -> Result<(&Node, Output), ModelError> {
    let mut output = Output::Softmax;
    let mut index =
        symbol.heads.first().map(|head| head[0]).ok_or_else(|| graph("it has no output".into()))?;
    loop {
        let node = symbol.nodes.get(index).ok_or_else(|| graph(format!("it has no node {index}")))?;
        match (node.op.as_str(), node.inputs.first()) {
            ("FullyConnected", _) => return Ok((node, output)),
            // Inputs point to earlier nodes (the parser checks it), so this walk ends.
            ("SoftmaxOutput" | "Cast", Some(input)) => index = input[0],
            ("LogisticRegressionOutput" | "sigmoid", Some(input)) => {
                output = Output::Logistic;
                index = input[0];
            }
            (op, _) => {
                let reason =
                    format!("'{}' ({op}) stands before the output, expected FullyConnected", node.name);
                return Err(graph(reason));
            }
        }
    }
}

/// The graph may spell attributes in its own way and leave out identities; its variables decide the tensors.
fn same_variables(symbol: &Symbol, found: &Layout) -> Result<(), ModelError> {
    let variables = |symbol: &Symbol| -> BTreeSet<String> {
        let named = symbol.nodes.iter().filter(|node| node.is_variable()).map(|node| node.name.clone());
        named.filter(|name| !name.ends_with("_label")).collect()
    };
    let (theirs, ours) = (variables(symbol), variables(&symbol_of(found)));
    if let Some(name) = theirs.difference(&ours).next() {
        return Err(graph(format!("variable '{name}' has no place in it")));
    }
    match ours.difference(&theirs).next() {
        Some(name) => Err(graph(format!("variable '{name}' is missing"))),
        None => Ok(()),
    }
}

/// What decides an operator's result besides its weights. Old graphs leave out what they take from defaults.
const ARITHMETIC: [&str; 10] = [
    "kernel",
    "stride",
    "pad",
    "no_bias",
    "eps",
    "fix_gamma",
    "use_global_stats",
    "act_type",
    "pool_type",
    "global_pool",
];

/// Every operator that both graphs name alike must compute alike.
fn same_arithmetic(nodes: &BTreeMap<&str, &Node>, found: &Layout) -> Result<(), ModelError> {
    let plain = |text: &str| text.replace(' ', "").to_lowercase();
    for ours in symbol_of(found).nodes.iter().filter(|node| !node.is_variable()) {
        let Some(theirs) = nodes.get(ours.name.as_str()) else { continue };
        for (key, expected) in ours.attrs.iter().filter(|(key, _)| ARITHMETIC.contains(key)) {
            // A global pool takes the whole image, whatever kernel is written down.
            let matters =
                !(ours.op == "Pooling" && key == "kernel" && ours.attrs.get("global_pool").is_some());
            if let Some(value) =
                theirs.attrs.get(key).filter(|value| matters && plain(value) != plain(expected))
            {
                return Err(graph(format!("'{}' has {key} {value}, expected {expected}", ours.name)));
            }
        }
    }
    Ok(())
}

fn operator<'a>(nodes: &BTreeMap<&str, &'a Node>, name: &str, op: &str) -> Result<&'a Node, ModelError> {
    match nodes.get(name) {
        Some(node) if node.op == op => Ok(node),
        Some(node) => Err(graph(format!("'{name}' is a {}, expected {op}", node.op))),
        None => Err(graph(format!("it has no {op} named '{name}'"))),
    }
}

fn attribute<'a>(node: &'a Node, key: &str) -> Result<&'a str, ModelError> {
    node.attrs.get(key).ok_or_else(|| graph(format!("'{}' has no attribute {key}", node.name)))
}

/// More filters or classes than any graph of the family: beyond it a file is damaged or hostile.
const MAX_WIDTH: usize = 1 << 20;

fn number(node: &Node, key: &str) -> Result<usize, ModelError> {
    let text = attribute(node, key)?;
    match text.parse() {
        Ok(value) if (1..=MAX_WIDTH).contains(&value) => Ok(value),
        _ => Err(graph(format!("'{}' has {key} {text}, expected 1 to {MAX_WIDTH}", node.name))),
    }
}

fn graph(reason: String) -> ModelError {
    ModelError::Graph { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::DEPTHS;

    #[test]
    fn every_layout_is_read_back_from_its_graph() {
        for depth in DEPTHS {
            for height in [28, 224] {
                let expected = Layout::resnet(depth, [3, height, height], 7).unwrap();
                assert_eq!(layout(&symbol_of(&expected), 3).unwrap(), expected, "{depth} at {height}");
                let expected = expected.with_output(Output::Logistic);
                assert_eq!(layout(&symbol_of(&expected), 3).unwrap(), expected, "{depth} at {height}");
                let expected = expected.with_format(Format::Float16);
                assert_eq!(layout(&symbol_of(&expected), 3).unwrap(), expected, "{depth} at {height}");
                let Ok(expected) = expected.with_architecture(Architecture::V15) else { continue };
                assert_eq!(layout(&symbol_of(&expected), 3).unwrap(), expected, "v1.5, {depth} at {height}");
            }
        }
    }

    #[test]
    fn one_architecture_is_not_taken_for_the_other() {
        let expected = Layout::resnet(50, [3, 224, 224], 10).unwrap().with_architecture(Architecture::V15);
        let mut symbol = symbol_of(&expected.unwrap());
        for node in symbol.nodes.iter_mut().filter(|node| node.name.contains("_sc_bn")) {
            node.name = node.name.replace("_sc_bn", "_sc_norm");
        }
        assert!(layout(&symbol, 3).unwrap_err().to_string().contains("has no place in it"));
        for node in symbol.nodes.iter_mut().filter(|node| node.name.contains("_sc_norm")) {
            node.name = node.name.replace("_sc_norm", "_sc_bn");
            node.attrs.insert("eps", "2e-05");
        }
        let message = layout(&symbol, 3).unwrap_err().to_string();
        assert!(message.contains("stage1_unit1_sc_bn' has eps 2e-05, expected 1e-05"), "{message}");
    }

    #[test]
    fn a_graph_that_computes_otherwise_is_refused() {
        let mut symbol = symbol_of(&Layout::resnet(20, [1, 28, 28], 10).unwrap());
        let node = symbol.nodes.iter_mut().find(|node| node.name == "stage2_unit1_conv1").unwrap();
        node.attrs.insert("stride", "(1,1)");
        let message = layout(&symbol, 1).unwrap_err().to_string();
        assert!(message.contains("stage2_unit1_conv1") && message.contains("stride (1,1)"), "{message}");
    }

    #[test]
    fn a_graph_with_a_foreign_variable_is_refused_by_its_name() {
        let mut symbol = symbol_of(&Layout::resnet(20, [1, 28, 28], 10).unwrap());
        let node = symbol.nodes.iter_mut().find(|node| node.name == "bn1_gamma").unwrap();
        node.name = "bn9_gamma".into();
        assert!(layout(&symbol, 1).unwrap_err().to_string().contains("bn9_gamma"));
    }
}
