//! What a node tells about itself: probes, metrics, the description of the API, the web UI.

mod failures;
mod health;
mod native_openapi;
mod openapi;
mod ui;

use proto::error_code as code;
use proto::operations::Server;

use super::http::reply::Reply;
use super::on::{Answer, On};
use crate::service::ServiceError;

/// Answers an operation.
pub(super) fn answer(on: On<'_>, operation: Server) -> Answer {
    let On { front, .. } = on;
    match operation {
        Server::DescribeApi => Ok(Reply::json(&openapi::document())),
        Server::ShowDocs => Ok(Reply::page(openapi::PAGE)),
        Server::ShowUi => ui::page(on),
        Server::GetUiFile => ui::asset(on),
        Server::ProbeLive => Ok(health::live(front)),
        Server::ProbeReady => Ok(health::ready(front)),
        Server::ProbeStarted => Ok(health::started(front)),
        Server::GetMetrics => Ok(Reply::plain(front.service.figures())),
        // These have no form over HTTP; tonic's own services answer them.
        Server::CheckHealth | Server::WatchHealth | Server::Reflect | Server::ReflectOld => {
            Err(ServiceError::new(code::NOT_FOUND, "HTTP 404 Not Found"))
        }
    }
}
