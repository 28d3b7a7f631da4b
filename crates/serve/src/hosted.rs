//! What a server answers with: its one model, or those it was told to load.

use std::sync::Arc;

use crate::models::Models;
use crate::turn::Turn;
use crate::{Engine, RequestError, State};

/// What a server answers with.
#[derive(Debug)]
pub enum Hosted {
    /// The model of an ordinary endpoint.
    One(Arc<Engine>),
    /// The models of a multi-model endpoint, loaded and unloaded as the platform asks.
    Many(Models),
}

impl From<Engine> for Hosted {
    fn from(engine: Engine) -> Self {
        Hosted::One(Arc::new(engine))
    }
}

impl From<Models> for Hosted {
    fn from(models: Models) -> Self {
        Hosted::Many(models)
    }
}

impl Hosted {
    /// The engine of the model asked for.
    pub(crate) async fn engine(&self, name: Option<&str>) -> Result<Arc<Engine>, RequestError> {
        match (self, name) {
            (Hosted::One(engine), _) => Ok(Arc::clone(engine)),
            (Hosted::Many(models), Some(name)) => models.engine(name).await,
            (Hosted::Many(_), None) => Err(RequestError::Unloaded),
        }
    }

    /// The device, for what else computes on it.
    pub fn turn(&self) -> &Turn {
        match self {
            Hosted::One(engine) => engine.turn(),
            Hosted::Many(models) => models.turn(),
        }
    }

    /// Models in memory now.
    pub(crate) fn in_memory(&self) -> usize {
        match self {
            Hosted::One(engine) => usize::from(matches!(engine.state(), State::Ready(_))),
            Hosted::Many(models) => models.in_memory(),
        }
    }
}
