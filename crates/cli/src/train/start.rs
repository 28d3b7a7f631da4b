//! The weights that a job goes on from: the channel `model`, or `--from`.

use std::collections::BTreeMap;
use std::path::Path;

use brazier_model::Layout;
use brazier_model::artifact::Artifact;
use brazier_model::layout::{DEPTHS, Output};
use brazier_sagemaker::hyperparameters::{Freeze, Hyperparameters, is_true};

use super::channels::Datasets;
use super::version;
use crate::fault::client;

/// Compares a job with the model that it goes on from, if there is one; see [`Start::check`].
///
/// # Errors
/// Everything in which they differ; `match_classes` without a model, `freeze` without weights to keep.
pub fn check(
    start: Option<&Start>,
    given: &BTreeMap<String, String>,
    read: &mut Hyperparameters,
) -> anyhow::Result<()> {
    match start {
        Some(start) => start.check(given, read),
        None if read.match_classes => Err(client(
            "match_classes=1 takes the classes of a model on, and there is none: expected a channel 'model', or --from",
        )),
        None if read.freeze != Freeze::None && !read.use_pretrained_model => Err(client(format!(
            "freeze={} keeps weights as they are, and the job's are random: expected a channel 'model' (--from), \
             use_pretrained_model=1, or freeze=none",
            read.freeze
        ))),
        None => Ok(()),
    }
}

/// A model whose weights are a job's first.
#[derive(Clone)]
pub struct Start {
    artifact: Artifact,
}

impl Start {
    /// Reads the model at `path`, a folder or a `model.tar.gz`, of this program or of the built-in algorithm.
    ///
    /// # Errors
    /// A path without a model, or with one that is damaged or of another family.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Ok(Start { artifact: brazier_serve::open(path)? })
    }

    /// A model made of weights.
    pub fn of(artifact: Artifact) -> Self {
        Start { artifact }
    }

    /// Gives a job what it leaves to the model: `num_layers`, `resnet_version`, `image_shape` and `multi_label`. Takes away what has no
    /// effect, `use_pretrained_model`, and answers a warning if that was more than the default.
    pub fn complete(&self, given: &mut BTreeMap<String, String>) -> Option<&'static str> {
        let layout = &self.artifact.layout;
        let mut default = |name: &str, text: String| _ = given.entry(name.to_owned()).or_insert(text);
        // A graph of another depth trains as well, though no job can ask for it.
        if DEPTHS.iter().any(|&depth| depth as usize == layout.depth()) {
            default("num_layers", layout.depth().to_string());
        }
        default("resnet_version", layout.architecture.to_string());
        default("image_shape", self.shape());
        default("multi_label", u8::from(self.is_multi_label()).to_string());
        let pretrained = given.get("use_pretrained_model").is_some_and(|text| is_true(text));
        if pretrained {
            given.remove("use_pretrained_model");
        }
        pretrained.then_some(
            "use_pretrained_model has no effect on a job that goes on from a model. Ignoring the parameter.",
        )
    }

    /// The number of classes the model tells apart.
    pub fn classes(&self) -> usize {
        self.artifact.layout.classes
    }

    /// Compares what the job asks for with what the model is, all at once. Without `num_layers` in `given` the job has
    /// the model's, whatever that is.
    ///
    /// # Errors
    /// Everything in which they differ.
    fn check(&self, given: &BTreeMap<String, String>, read: &mut Hyperparameters) -> anyhow::Result<()> {
        let depth = self.artifact.layout.depth();
        if !given.contains_key("num_layers") {
            read.num_layers = u32::try_from(depth)?;
        }
        let mut pairs = vec![
            ("num_layers", read.num_layers.to_string(), depth.to_string()),
            (
                "resnet_version",
                version::architecture(read.resnet_version).to_string(),
                self.artifact.layout.architecture.to_string(),
            ),
            ("image_shape", read.image_shape.to_string(), self.shape()),
            (
                "multi_label",
                u8::from(read.multi_label).to_string(),
                u8::from(self.is_multi_label()).to_string(),
            ),
        ];
        if !read.match_classes {
            pairs.push(("num_classes", read.num_classes.to_string(), self.classes().to_string()));
        }
        let differ = |(name, asked, found): (&str, String, String)| {
            (asked != found).then(|| format!("{name} is {asked}, the model's is {found}"))
        };
        let differences: Vec<String> = pairs.into_iter().filter_map(differ).collect();
        if differences.is_empty() {
            return Ok(());
        }
        let advice = match differences.iter().any(|text| text.starts_with("num_classes")) {
            true => "; match_classes=1 takes a model of other classes on, by their names",
            false => "",
        };
        Err(client(format!(
            "the job is not that of the model it goes on from: {}. Expected the same, or left out{advice}.",
            differences.join("; ")
        )))
    }

    /// Gives each class of the data the weights that the model has for the class of that name, if the job asks for it.
    /// Answers what the user should know of it.
    ///
    /// # Errors
    /// Names that are not known on one of the sides.
    pub fn match_classes(
        &mut self,
        datasets: &Datasets,
        read: &Hyperparameters,
    ) -> anyhow::Result<Option<String>> {
        let theirs = self.class_names().map(<[String]>::to_vec);
        let ours = datasets.told_names().map(<[String]>::to_vec);
        let list = |names: &[String]| names.join(", ");
        if !read.match_classes {
            let Some((ours, theirs)) = ours.zip(theirs).filter(|(ours, theirs)| ours != theirs) else {
                return Ok(None);
            };
            let both = format!("The data's classes are {}, the model's {}", list(&ours), list(&theirs));
            if ours.len() != theirs.len() {
                return Err(client(format!(
                    "{both}: expected as many, or match_classes=1, which goes by their names"
                )));
            }
            return Ok(Some(format!(
                "{both}: they are taken to be the same in this order. match_classes=1 goes by their names."
            )));
        }
        let unknown =
            |side: &str| client(format!("match_classes=1 needs the names of the classes: {side} tells none"));
        let theirs = theirs.ok_or_else(|| unknown("the model"))?;
        let ours = ours.ok_or_else(|| unknown("the train channel"))?;
        if ours.len() != read.num_classes {
            let (names, classes) = (ours.len(), read.num_classes);
            return Err(client(format!(
                "match_classes=1: the data name {names} classes ({}), num_classes is {classes}",
                list(&ours)
            )));
        }
        let known = ours.iter().filter(|name| theirs.contains(name)).count();
        self.artifact.match_classes(&theirs, &ours, read.seed)?;
        Ok(Some(format!(
            "{known} of {} classes go on from the model's, {} are new, {} of the model's are dropped.",
            ours.len(),
            ours.len() - known,
            theirs.iter().filter(|name| !ours.contains(name)).count()
        )))
    }

    /// The names of the model's classes, if it knows them.
    pub fn class_names(&self) -> Option<&[String]> {
        self.artifact.metadata.as_ref()?.class_names.as_deref()
    }

    /// The model in a few words.
    pub fn description(&self) -> String {
        let (layout, file) = (&self.artifact.layout, self.artifact.params_file());
        format!("{file}, {} on images of {}, {} classes", layout.name(), self.shape(), layout.classes)
    }

    /// The network's form and weights.
    pub fn into_artifact(self) -> (Layout, Artifact) {
        (self.artifact.layout.clone(), self.artifact)
    }

    fn shape(&self) -> String {
        self.artifact.shape.map(|extent| extent.to_string()).join(",")
    }

    fn is_multi_label(&self) -> bool {
        self.artifact.layout.output == Output::Logistic
    }
}
