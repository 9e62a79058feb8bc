//! Requests that are sent without waiting for the replies of earlier ones.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use tokio_postgres::Error;

use super::connection::{PostgresError, with_timeout};

/// A request that was sent before earlier ones were answered.
pub struct PendingReply<'a, T> {
    future: Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>,
    reply: Option<Result<T, Error>>,
}

/// Sends a request. The client sends it when the future is polled for the first time.
pub async fn send<'a, T>(future: impl Future<Output = Result<T, Error>> + 'a) -> PendingReply<'a, T> {
    let mut future: Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>> = Box::pin(future);
    let reply = poll_fn(|context: &mut Context<'_>| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(reply) => Some(reply),
            Poll::Pending => None,
        })
    })
    .await;
    PendingReply { future, reply }
}

impl<T> PendingReply<'_, T> {
    /// Whether an error has already arrived.
    pub fn is_rejected(&self) -> bool {
        self.reply.as_ref().is_some_and(Result::is_err)
    }

    /// Waits for the reply.
    pub async fn reply(self) -> Result<T, PostgresError> {
        match self.reply {
            Some(reply) => Ok(reply?),
            None => with_timeout(self.future).await,
        }
    }
}
