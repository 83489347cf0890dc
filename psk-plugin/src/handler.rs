use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use psk_codec::{ErrorCode, Prepare, Reject, Reply};

use crate::PrepareHandler;

/// Where a plugin keeps its handler: set, replaced and removed while requests come in.
#[derive(Default)]
pub(crate) struct HandlerSlot(RwLock<Option<Arc<dyn PrepareHandler>>>);

impl HandlerSlot {
    pub(crate) fn set(&self, handler: Option<Arc<dyn PrepareHandler>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = handler;
    }

    /// What the handler says, or a Reject when there is none. It is `T01`, because a node that has no handler yet
    /// or none any more may have one a moment later.
    pub(crate) async fn answer(&self, prepare: Prepare) -> Reply {
        let handler = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        match handler {
            Some(handler) => handler.handle(prepare).await,
            None => reject(ErrorCode::T01_PEER_UNREACHABLE, "nobody handles packets here").into(),
        }
    }
}

/// A handler made of a function.
pub fn handler_fn<F, R>(function: F) -> Arc<dyn PrepareHandler>
where
    F: Fn(Prepare) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    Arc::new(HandlerFn(function))
}

struct HandlerFn<F>(F);

#[async_trait]
impl<F, R> PrepareHandler for HandlerFn<F>
where
    F: Fn(Prepare) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    async fn handle(&self, prepare: Prepare) -> Reply {
        (self.0)(prepare).await
    }
}

/// A Reject by a link, which has no address of its own.
pub(crate) fn reject(code: ErrorCode, message: &'static str) -> Reject {
    Reject { code, triggered_by: None, message: message.into(), data: Default::default() }
}
