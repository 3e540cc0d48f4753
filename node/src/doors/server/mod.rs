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
pub(super) fn answer_server(on: On<'_>, operation: Server) -> Answer {
    let On { front, .. } = on;
    match operation {
        Server::DescribeApi => Ok(Reply::json_body(&openapi::openapi_document())),
        Server::ShowDocs => Ok(Reply::html_page(openapi::PAGE)),
        Server::ShowUi => ui::main_page(on),
        Server::GetUiFile => ui::asset_file(on),
        Server::ProbeLive => Ok(health::live_reply(front)),
        Server::ProbeReady => Ok(health::ready_reply(front)),
        Server::ProbeStarted => Ok(health::started_reply(front)),
        Server::GetMetrics => Ok(Reply::plain_text(front.service.metrics_text())),
        // These have no form over HTTP; tonic's own services answer them.
        Server::CheckHealth | Server::WatchHealth | Server::Reflect | Server::ReflectOld => {
            Err(ServiceError::new(code::NOT_FOUND, "HTTP 404 Not Found"))
        }
    }
}
