//! Layout to symbol.

use brazier_mxnet::symbol::{Node, Symbol, VARIABLE};

use crate::architecture::{Architecture, normalisation};
use crate::layout::{Format, Layout, Output, Stem, UnitForm, UnitKind};

/// The version written into the graph: MXNet 1.3.0, which the replaced algorithm's own artifacts carry.
const MXNET_VERSION: i64 = 10300;

/// The graph of `layout`, ending in `softmax`, nodes in the order in which MXNet saves them.
pub fn symbol(layout: &Layout) -> Symbol {
    let is_v2 = layout.architecture == Architecture::V2;
    let mut graph = Graph { epsilon: if is_v2 { "2e-05" } else { "1e-05" }, ..Graph::default() };
    let mut x = graph.variable("data", &[]);
    x = match layout.format {
        Format::Float32 => graph.operator("_copy", "id", &[], &[(x, 0)]),
        Format::Float16 => graph.operator("Cast", "cast0", &[("dtype", "float16")], &[(x, 0)]),
    };
    x = match layout.architecture {
        Architecture::V2 => graph.batch_norm(x, "bn_data", true),
        Architecture::V15 => graph.normalisation(x, "bn_data", layout.channels),
    };
    x = match layout.stem {
        Stem::Small => graph.convolution(x, "conv0", layout.stem_filters, 3, 1, Some(1)),
        Stem::Large => graph.convolution(x, "conv0", layout.stem_filters, 7, 2, Some(3)),
    };
    if layout.stem == Stem::Large || !is_v2 {
        x = graph.batch_norm(x, "bn0", false);
        x = graph.relu(x, "relu0");
    }
    if layout.stem == Stem::Large {
        let pooling = [("kernel", "(3, 3)"), ("pad", "(1, 1)"), ("pool_type", "max"), ("stride", "(2, 2)")];
        x = graph.operator("Pooling", "pooling0", &pooling, &[(x, 0)]);
    }
    for (stage, units) in layout.units().into_iter().enumerate() {
        for (unit, form) in units.into_iter().enumerate() {
            let name = format!("stage{}_unit{}", stage + 1, unit + 1);
            x = match layout.architecture {
                Architecture::V2 => graph.pre_activation(x, &name, form),
                Architecture::V15 => graph.post_activation(x, &name, form),
            };
        }
    }
    if is_v2 {
        x = graph.batch_norm(x, "bn1", false);
        x = graph.relu(x, "relu1");
    }
    let pooling = [("global_pool", "True"), ("kernel", "(7, 7)"), ("pool_type", "avg")];
    x = graph.operator("Pooling", "pool1", &pooling, &[(x, 0)]);
    x = graph.operator("Flatten", "flatten0", &[], &[(x, 0)]);
    x = graph.fully_connected(x, &layout.head, layout.classes);
    if layout.format == Format::Float16 {
        x = graph.operator("Cast", "cast1", &[("dtype", "float32")], &[(x, 0)]);
    }
    let label = graph.variable("softmax_label", &[]);
    // The replaced algorithm's multi-label graph is not documented. This is MXNet's operator for it; under the usual name
    // whoever binds `softmax_label` goes on to work.
    let output = match layout.output {
        Output::Softmax => "SoftmaxOutput",
        Output::Logistic => "LogisticRegressionOutput",
    };
    graph.operator(output, "softmax", &[], &[(x, 0), (label, 0)]);
    let output = [graph.nodes.len() - 1, 0, 0];
    Symbol::new(graph.nodes, vec![output], MXNET_VERSION)
}

type Attributes<'a> = &'a [(&'a str, &'a str)];

#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    sums: usize,
    /// What batch norms add to the variance.
    epsilon: &'static str,
}

impl Graph {
    fn variable(&mut self, name: &str, attributes: Attributes) -> usize {
        self.operator(VARIABLE, name, attributes, &[])
    }

    /// Inputs are `(node, version)`; the version is 1 for what the operator itself changes.
    fn operator(&mut self, op: &str, name: &str, attributes: Attributes, inputs: &[(usize, usize)]) -> usize {
        self.nodes.push(Node {
            op: op.to_owned(),
            name: name.to_owned(),
            attrs: attributes.iter().copied().collect(),
            inputs: inputs.iter().map(|&(node, version)| [node, 0, version]).collect(),
        });
        self.nodes.len() - 1
    }

    fn batch_norm(&mut self, x: usize, name: &str, fix_gamma: bool) -> usize {
        let fix_gamma = if fix_gamma { "True" } else { "False" };
        let own = [("eps", self.epsilon), ("fix_gamma", fix_gamma), ("momentum", "0.9")];
        self.batch_norm_of(x, name, &own, &[], [r#"["zero", {}]"#, r#"["one", {}]"#])
    }

    /// The batch norm that training leaves as it is: not its statistics, nor the offset that MXNet would learn.
    fn normalisation(&mut self, x: usize, name: &str, channels: usize) -> usize {
        let own =
            [("eps", self.epsilon), ("fix_gamma", "True"), ("momentum", "0.9"), ("use_global_stats", "True")];
        let (mean, variance) = normalisation(channels);
        let start = |values: &[f32]| format!(r#"["constant", {{"value": {values:?}}}]"#);
        let unlearned = [("__lr_mult__", "0.0"), ("__wd_mult__", "0.0")];
        self.batch_norm_of(x, name, &own, &unlearned, [&start(&mean), &start(&variance)])
    }

    /// `learned` are attributes of gamma and beta alone, `starts` the initial moving mean and variance.
    fn batch_norm_of(
        &mut self,
        x: usize,
        name: &str,
        own: Attributes,
        learned: Attributes,
        starts: [&str; 2],
    ) -> usize {
        // A variable that an operator creates inherits the operator's attributes.
        let [mean_start, var_start] = starts.map(|start| [&[("__init__", start)], own].concat());
        let learned = [learned, own].concat();
        let gamma = self.variable(&format!("{name}_gamma"), &learned);
        let beta = self.variable(&format!("{name}_beta"), &learned);
        let mean = self.variable(&format!("{name}_moving_mean"), &mean_start);
        let var = self.variable(&format!("{name}_moving_var"), &var_start);
        self.operator("BatchNorm", name, own, &[(x, 0), (gamma, 0), (beta, 0), (mean, 1), (var, 1)])
    }

    fn convolution(
        &mut self,
        x: usize,
        name: &str,
        filters: usize,
        kernel: usize,
        stride: usize,
        pad: Option<usize>,
    ) -> usize {
        let pair = |value: usize| format!("({value}, {value})");
        let (kernel, stride, filters) = (pair(kernel), pair(stride), filters.to_string());
        let pad = pad.map(pair);
        let mut own = vec![("kernel", kernel.as_str()), ("no_bias", "True"), ("num_filter", &filters)];
        own.extend(pad.as_deref().map(|pad| ("pad", pad)));
        own.extend([("stride", stride.as_str()), ("workspace", "256")]);
        let weight = self.variable(&format!("{name}_weight"), &own);
        self.operator("Convolution", name, &own, &[(x, 0), (weight, 0)])
    }

    fn fully_connected(&mut self, x: usize, name: &str, classes: usize) -> usize {
        let classes = classes.to_string();
        let own = [("num_hidden", classes.as_str())];
        let weight = self.variable(&format!("{name}_weight"), &own);
        let bias = self.variable(&format!("{name}_bias"), &own);
        self.operator("FullyConnected", name, &own, &[(x, 0), (weight, 0), (bias, 0)])
    }

    fn relu(&mut self, x: usize, name: &str) -> usize {
        self.operator("Activation", name, &[("act_type", "relu")], &[(x, 0)])
    }

    fn pre_activation(&mut self, x: usize, name: &str, form: UnitForm) -> usize {
        let (mut y, mut shortcut) = (x, x);
        for (index, (kernel, pad, stride, filters)) in convolutions(form).into_iter().enumerate() {
            let number = index + 1;
            y = self.batch_norm(y, &format!("{name}_bn{number}"), false);
            y = self.relu(y, &format!("{name}_relu{number}"));
            if form.shortcut && index == 0 {
                shortcut = y;
            }
            y = self.convolution(y, &format!("{name}_conv{number}"), filters, kernel, stride, Some(pad));
        }
        if form.shortcut {
            shortcut = self.convolution(shortcut, &format!("{name}_sc"), form.filters, 1, form.stride, None);
        }
        self.sum(y, shortcut)
    }

    fn post_activation(&mut self, x: usize, name: &str, form: UnitForm) -> usize {
        let (mut y, mut shortcut) = (x, x);
        let convolutions = convolutions(form);
        let last = convolutions.len();
        for (index, (kernel, pad, stride, filters)) in convolutions.into_iter().enumerate() {
            let number = index + 1;
            y = self.convolution(y, &format!("{name}_conv{number}"), filters, kernel, stride, Some(pad));
            y = self.batch_norm(y, &format!("{name}_bn{number}"), false);
            if number < last {
                y = self.relu(y, &format!("{name}_relu{number}"));
            }
        }
        if form.shortcut {
            shortcut = self.convolution(shortcut, &format!("{name}_sc"), form.filters, 1, form.stride, None);
            shortcut = self.batch_norm(shortcut, &format!("{name}_sc_bn"), false);
        }
        let sum = self.sum(y, shortcut);
        self.relu(sum, &format!("{name}_relu{last}"))
    }

    fn sum(&mut self, y: usize, shortcut: usize) -> usize {
        let name = format!("_plus{}", self.sums);
        self.sums += 1;
        self.operator("elemwise_add", &name, &[], &[(y, 0), (shortcut, 0)])
    }
}

/// Kernel, padding, stride and filters of each convolution in turn.
fn convolutions(form: UnitForm) -> Vec<(usize, usize, usize, usize)> {
    let UnitForm { filters, stride, .. } = form;
    let inner = filters / 4;
    match form.kind {
        UnitKind::Basic => vec![(3, 1, stride, filters), (3, 1, 1, filters)],
        UnitKind::Bottleneck => vec![(1, 0, 1, inner), (3, 1, stride, inner), (1, 0, 1, filters)],
    }
}
