//! ONNX: the graph we write for MXNet, node by node in the operators of opset 13.
//!
//! Source: onnx/onnx.proto3 and docs/Operators.md of github.com/onnx/onnx. The model takes `data`, raw 0..255 pixels as
//! float32 [N, channels, height, width], and gives `probabilities`, [N, classes].

use std::collections::{BTreeMap, BTreeSet};

use brazier_mxnet::symbol::{Node, Symbol};
use prost::Message;

use self::proto::{
    Attribute, Dimension, Graph, Model, Operator, OperatorSet, Pair, Shape, Tensor, TensorType, Type, Value,
};
use super::{facts, plain};
use crate::artifact::Artifact;
use crate::layout::Format;
use crate::{ModelError, graph};

mod proto;

/// `TensorProto.FLOAT`.
const FLOAT: i32 = 1;

/// The bytes of an `.onnx` file.
///
/// # Errors
/// Only a defect of this program: an operator of our own graphs without a translation. Weights that do not fit the graph
/// are found by [`Artifact::check`].
pub fn encode(artifact: &Artifact) -> Result<Vec<u8>, ModelError> {
    let symbol = graph::symbol(&artifact.layout.clone().with_format(Format::Float32));
    let mut translation = Translation { symbol: &symbol, outputs: BTreeMap::new(), operators: Vec::new() };
    for (index, node) in symbol.nodes.iter().enumerate() {
        translation.node(index, node)?;
    }
    let operators = translation.operators;
    let [channels, height, width] = artifact.shape;
    let fixed = |extent: usize| Dimension { value: Some(extent as i64), name: None };
    let any = Dimension { value: None, name: Some("N".into()) };
    let input = value("data", vec![any.clone(), fixed(channels), fixed(height), fixed(width)]);
    let output = value(OUTPUT, vec![any, fixed(artifact.layout.classes)]);
    let used: BTreeSet<&str> =
        operators.iter().flat_map(|operator| operator.input.iter().map(String::as_str)).collect();
    let fixed_gamma = "bn_data_gamma";
    let mut initializer = Vec::new();
    for (name, shape, values) in artifact.arrays() {
        let name = plain(name);
        if !used.contains(name) {
            continue;
        }
        // Taken as 1 whatever the file holds: `fix_gamma`.
        let bytes =
            values.iter().flat_map(|value| if name == fixed_gamma { 1.0 } else { *value }.to_le_bytes());
        initializer.push(Tensor {
            dims: shape.iter().map(|&extent| extent as i64).collect(),
            data_type: FLOAT,
            name: name.to_owned(),
            raw_data: bytes.collect(),
        });
    }
    let model = Model {
        ir_version: 7,
        opset_import: vec![OperatorSet { domain: String::new(), version: 13 }],
        producer_name: "brazier".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(Graph {
            name: artifact.layout.name(),
            node: operators,
            initializer,
            input: vec![input],
            output: vec![output],
        }),
        metadata_props: facts(artifact).into_iter().map(|(key, value)| Pair { key, value }).collect(),
    };
    Ok(model.encode_to_vec())
}

/// Name of the model's output.
const OUTPUT: &str = "probabilities";

fn value(name: &str, dim: Vec<Dimension>) -> Value {
    let tensor_type = Some(TensorType { elem_type: FLOAT, shape: Some(Shape { dim }) });
    Value { name: name.into(), r#type: Some(Type { tensor_type }) }
}

/// From MXNet's nodes to ONNX's.
struct Translation<'a> {
    symbol: &'a Symbol,
    /// What the value of a node is called.
    outputs: BTreeMap<usize, String>,
    operators: Vec<Operator>,
}

impl Translation<'_> {
    fn node(&mut self, index: usize, node: &Node) -> Result<(), ModelError> {
        let mut inputs: Vec<String> =
            node.inputs.iter().filter_map(|[from, ..]| self.outputs.get(from)).cloned().collect();
        let mut output = node.name.clone();
        let (operator, attributes) = match node.op.as_str() {
            "null" => {
                self.outputs.insert(index, output);
                return Ok(());
            }
            "_copy" => {
                // Nothing happens: whoever takes its value takes that of its input.
                self.outputs.extend(inputs.pop().map(|input| (index, input)));
                return Ok(());
            }
            "Convolution" => ("Conv", window(node)?),
            "BatchNorm" => ("BatchNormalization", vec![float("epsilon", epsilon(node)?)]),
            "Activation" => ("Relu", vec![]),
            "Pooling" if node.attrs.get("global_pool").is_some() => ("GlobalAveragePool", vec![]),
            "Pooling" => ("MaxPool", window(node)?),
            "Flatten" => ("Flatten", vec![]),
            "FullyConnected" => ("Gemm", vec![int("transB", 1)]),
            "elemwise_add" => ("Add", vec![]),
            "SoftmaxOutput" | "LogisticRegressionOutput" => {
                // The label is of no use to who predicts.
                inputs.truncate(1);
                output = OUTPUT.into();
                if node.op == "SoftmaxOutput" {
                    ("Softmax", vec![int("axis", 1)])
                } else {
                    ("Sigmoid", vec![])
                }
            }
            other => return Err(refused(format!("'{}' is a {other}, which has no translation", node.name))),
        };
        self.outputs.insert(index, output.clone());
        self.operators.push(Operator {
            input: inputs,
            output: vec![output],
            name: self.symbol.nodes[index].name.clone(),
            op_type: operator.into(),
            attribute: attributes,
        });
        Ok(())
    }
}

fn epsilon(node: &Node) -> Result<f32, ModelError> {
    let text = node.attrs.get("eps").unwrap_or_default();
    text.parse().map_err(|_| refused(format!("'{}' has eps {text}", node.name)))
}

/// What a convolution and a pool say of the window that they move over the image.
fn window(node: &Node) -> Result<Vec<Attribute>, ModelError> {
    let kernel = numbers(node, "kernel")?.unwrap_or_default();
    let strides = numbers(node, "stride")?.unwrap_or(vec![1, 1]);
    // Before and behind the image alike.
    let pads = numbers(node, "pad")?.unwrap_or(vec![0, 0]).repeat(2);
    Ok(vec![ints("kernel_shape", kernel), ints("strides", strides), ints("pads", pads)])
}

/// The numbers of an attribute such as `(3, 3)`.
fn numbers(node: &Node, key: &str) -> Result<Option<Vec<i64>>, ModelError> {
    let Some(text) = node.attrs.get(key) else { return Ok(None) };
    let inner = text.trim_start_matches('(').trim_end_matches(')');
    let numbers: Result<Vec<i64>, _> = inner.split(',').map(|number| number.trim().parse()).collect();
    numbers.map(Some).map_err(|_| refused(format!("'{}' has {key} {text}", node.name)))
}

fn refused(reason: String) -> ModelError {
    ModelError::Encode { file: ".onnx", reason }
}

/// `AttributeProto.AttributeType`.
const KIND_FLOAT: i32 = 1;
const KIND_INT: i32 = 2;
const KIND_INTS: i32 = 7;

fn float(name: &str, value: f32) -> Attribute {
    Attribute { name: name.into(), kind: KIND_FLOAT, f: Some(value), ..Attribute::default() }
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: name.into(), kind: KIND_INT, i: Some(value), ..Attribute::default() }
}

fn ints(name: &str, values: Vec<i64>) -> Attribute {
    Attribute { name: name.into(), kind: KIND_INTS, ints: values, ..Attribute::default() }
}
