//! The layer around a server that is written already, on the official SDK.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use portcullis_guard::{Schema, SchemaRefused};
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientRequest, ContentBlock, ProtocolVersion,
    ServerConfig, ServerResult, Tool as Listed,
};
use rmcp::service::{NotificationContext, RequestContext, Service};
use rmcp::{ErrorData, RoleServer};
use serde_json::Value;

use crate::arguments::while_in_force;
use crate::call::Stop;
use crate::layer::{Asked, Layer};
use crate::refusal::Refusal;
use crate::roots::{Ceiling, Roots};

type Request = <RoleServer as rmcp::service::ServiceRole>::PeerReq;
type Notification = <RoleServer as rmcp::service::ServiceRole>::PeerNot;

/// A server of the SDK whose tool calls pass through a [`Layer`]: counted, recorded,
/// ended at their deadline, without what errors give away. [`crate::UnderRoot`] among
/// its arguments is judged against the ceiling.
#[derive(Debug)]
pub struct Guarded<S> {
    server: S,
    layer: Layer,
    roots: Arc<Roots>,
    tools: BTreeMap<String, Judged>,
}

/// What arguments are judged by, and whether the tool only looks.
#[derive(Debug)]
struct Judged {
    schema: Schema,
    looks: bool,
}

/// A tool that says too little of itself to be offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Careless {
    /// One of the four hints is missing.
    #[error("the tool `{0}` does not say what it does to the world: give it all four hints")]
    Hints(String),
    /// Its arguments may hold anything.
    #[error("the tool `{0}` takes more than it names: `additionalProperties` must be false")]
    Open(String),
    /// Its schema cannot be judged by.
    #[error("the tool `{0}` has a schema that cannot be used: {1}")]
    Schema(String, SchemaRefused),
}

impl<S: Service<RoleServer>> Guarded<S> {
    /// Puts the layer around a server with these tools, as its router lists them.
    ///
    /// # Errors
    /// The first tool that is [`Careless`]: it is better not to start.
    pub fn new(
        server: S,
        tools: &[Listed],
        ceiling: &Ceiling,
        layer: Layer,
    ) -> Result<Self, Careless> {
        let mut judged = BTreeMap::new();
        for tool in tools {
            let name = tool.name.to_string();
            let looks = said(tool).ok_or_else(|| Careless::Hints(name.clone()))?;
            if tool.input_schema.get("additionalProperties") != Some(&Value::Bool(false)) {
                return Err(Careless::Open(name));
            }
            let schema = Schema::compile(&Value::Object((*tool.input_schema).clone()))
                .map_err(|why| Careless::Schema(name.clone(), why))?;
            judged.insert(name, Judged { schema, looks });
        }
        let roots = Arc::new(Roots::whole(ceiling));
        Ok(Self { server, layer, roots, tools: judged })
    }

    async fn called(
        &self,
        params: &CallToolRequestParams,
        request: Request,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let Some(judged) = self.tools.get(params.name.as_ref()) else {
            self.layer.unknown(&params.name);
            return Err(ErrorData::invalid_params("there is no such tool", None));
        };
        let arguments = Value::Object(params.arguments.clone().unwrap_or_default());
        let (stop, roots) = (Stop::default(), OnceLock::from(Arc::clone(&self.roots)));
        let asked = Asked {
            numbered: self.layer.number(),
            tool: &params.name,
            arguments: &arguments,
            looks: judged.looks,
            stop: &stop,
            roots: &roots,
        };
        let ct = context.ct.clone();
        let taken_back = async move { ct.cancelled().await };
        let work = async |_turn| {
            judged.schema.validate(&arguments).map_err(|why| {
                Refusal::new(format!("these arguments do not fit the tool's schema: {why}"))
            })?;
            let server = self.server.handle_request(request, context);
            match while_in_force(Arc::clone(&self.roots), server).await {
                Ok(ServerResult::CallToolResult(result)) if result.is_error == Some(true) => {
                    Err(Refusal::new(text_of(&result)))
                }
                Ok(result) => Ok(result),
                Err(error) => Err(Refusal::new(error.message)),
            }
        };
        match self.layer.around(asked, taken_back, work).await {
            Some(Ok(result)) => Ok(result),
            Some(Err(refusal)) => {
                let said = vec![ContentBlock::text(refusal.public())];
                Ok(ServerResult::CallToolResult(CallToolResult::error(said)))
            }
            None => Err(ErrorData::internal_error("the call was taken back", None)),
        }
    }
}

impl<S: Service<RoleServer>> Service<RoleServer> for Guarded<S> {
    async fn handle_request(
        &self,
        request: Request,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        if let ClientRequest::CallToolRequest(call) = &request {
            let params = call.params.clone();
            return self.called(&params, request, context).await;
        }
        self.server.handle_request(request, context).await
    }

    async fn handle_notification(
        &self,
        notification: Notification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.server.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        self.server.get_info()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.server.supported_protocol_versions()
    }
}

/// Whether a tool only looks; nothing when it leaves out one of the four hints.
fn said(tool: &Listed) -> Option<bool> {
    let hints = tool.annotations.as_ref()?;
    hints.destructive_hint?;
    hints.idempotent_hint?;
    hints.open_world_hint?;
    hints.read_only_hint
}

/// All that an error says in words.
fn text_of(result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(|block| block.as_text());
    texts.map(|text| text.text.as_str()).collect::<Vec<_>>().join("\n")
}
