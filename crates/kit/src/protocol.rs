//! The toolbox as the SDK's server: what is listed, what is called, and whose roots
//! are in force.
#![expect(
    deprecated,
    reason = "roots are deprecated in 2026-07-28, and clients of every revision offer them"
)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    InputRequest, InputRequests, InputRequiredResult, InputResponses, ListRootsRequest,
    ListRootsResult, ListToolsResult, MetaObject, PaginatedRequestParams,
    ProgressNotificationParam, ProgressToken, ServerCapabilities, ServerConfig, Tool as Listed,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, Peer, RoleServer, ServerHandler};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use crate::call::{Call, Step, Stop};
use crate::layer::{Asked, Layer};
use crate::refusal::Refusal;
use crate::roots::{Ceiling, Roots};
use crate::serve::StartError;
use crate::tool::{Answer, Definition};
use crate::toolbox::{Ready, Toolbox};

/// How long a client may take to say which roots it offers.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the roots of a client without notifications are believed.
const FRESH: Duration = Duration::from_secs(30);
/// Under which name we ask a modern client for its roots.
const ROOTS: &str = "roots";
/// How many steps of progress wait to be sent.
const STEPS: usize = 16;

/// What the SDK serves.
#[derive(Debug)]
pub(crate) struct Served {
    config: ServerConfig,
    tools: BTreeMap<String, Ready>,
    listed: Vec<Listed>,
    layer: Layer,
    ceiling: Ceiling,
    whole: Arc<Roots>,
    offered: Mutex<Option<Offered>>,
}

/// What a client said of its roots, and how long that is believed; for ever where it
/// would tell of a change.
#[derive(Debug)]
struct Offered {
    roots: Arc<Roots>,
    until: Option<Instant>,
}

fn later(after: Duration) -> Option<Instant> {
    Instant::now().checked_add(after)
}

/// The roots for a call, or the question that comes before them.
enum InForce {
    Known(Arc<Roots>),
    Ask,
}

impl Served {
    pub(crate) fn new(mut toolbox: Toolbox) -> Result<Self, StartError> {
        let tools = toolbox.ready()?;
        let layer = toolbox.layer()?;
        let listed = tools.values().map(|ready| listed(ready.tool.definition())).collect();
        let mut config = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        config.server_info = Implementation::new(toolbox.name, toolbox.version);
        config.instructions = toolbox.instructions;
        let whole = Arc::new(Roots::whole(&toolbox.ceiling));
        let ceiling = toolbox.ceiling;
        Ok(Self { config, tools, listed, layer, ceiling, whole, offered: Mutex::new(None) })
    }

    pub(crate) fn layer(&self) -> &Layer {
        &self.layer
    }

    async fn roots(
        &self,
        answers: Option<InputResponses>,
        context: &RequestContext<RoleServer>,
    ) -> InForce {
        // What was declared at the handshake stands, whatever a request says.
        let greeted = context.peer.peer_info();
        let modern = greeted.is_none();
        let declared = greeted
            .map_or_else(|| context.client_capabilities(), |info| Some(info.capabilities.clone()));
        let offers = declared.is_some_and(|it| it.roots.is_some());
        let mut offered = self.offered.lock().await;
        if !offers {
            // Who offered roots before does not get all by not offering them.
            let known = offered.as_ref().map_or(&self.whole, |it| &it.roots);
            return InForce::Known(Arc::clone(known));
        }
        if let Some(answers) = answers {
            let roots = Arc::new(self.answered(answers.get(ROOTS)));
            *offered = Some(Offered { roots: Arc::clone(&roots), until: later(FRESH) });
            return InForce::Known(roots);
        }
        match &*offered {
            Some(it) if it.until.is_none_or(|until| Instant::now() < until) => {
                return InForce::Known(Arc::clone(&it.roots));
            }
            _ if modern => return InForce::Ask,
            _ => {}
        }
        let list = tokio::time::timeout(PATIENCE, context.peer.list_roots()).await;
        let (roots, until) = match &list {
            Ok(Ok(list)) => (self.of(list), None),
            // Refused, or silent: nothing now, and it is asked again after a while.
            _ => (Roots::none(), later(PATIENCE)),
        };
        let roots = Arc::new(roots);
        *offered = Some(Offered { roots: Arc::clone(&roots), until });
        InForce::Known(roots)
    }

    fn answered(&self, answer: Option<&Value>) -> Roots {
        let list = answer.and_then(|it| serde_json::from_value::<ListRootsResult>(it.clone()).ok());
        list.map_or_else(Roots::none, |list| self.of(&list))
    }

    fn of(&self, list: &ListRootsResult) -> Roots {
        let uris: Vec<String> = list.roots.iter().map(|root| root.uri.clone()).collect();
        Roots::offered(&self.ceiling, &uris)
    }

    async fn run(
        &self,
        ready: &Ready,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let numbered = self.layer.number();
        let id = numbered.id.clone();
        let definition = ready.tool.definition();
        let value = Value::Object(request.arguments.unwrap_or_default());
        let token = context.meta.get_progress_token();
        let (sender, steps) = mpsc::channel(STEPS);
        let sender = token.is_some().then_some(sender);
        let (stop, roots) = (Stop::default(), OnceLock::new());
        let asked = Asked {
            numbered,
            tool: &definition.name,
            arguments: &value,
            looks: definition.hints.is_read_only(),
            stop: &stop,
            roots: &roots,
        };
        let work = async |turn| {
            let in_force = match self.roots(request.input_responses, &context).await {
                InForce::Known(in_force) => in_force,
                InForce::Ask => return Ok(Reply::Ask),
            };
            let in_force = Arc::clone(roots.get_or_init(|| in_force));
            let call = Call::new(&id, in_force, stop.clone(), Some(turn), sender);
            ready.answer(&value, &call).await.map(Reply::Answer)
        };
        let ct = context.ct.clone();
        let taken_back = async move { ct.cancelled().await };
        let ended = tokio::select! {
            ended = self.layer.around(asked, taken_back, work) => ended,
            never = tell(steps, token, context.peer.clone()) => match never {},
        };
        match ended {
            Some(Ok(Reply::Answer(answer))) => told_answer(answer).into(),
            Some(Ok(Reply::Ask)) => asked_for_roots().into(),
            Some(Err(refusal)) => told_refusal(&refusal, &id).into(),
            None => told_refusal(&Refusal::new("the call was taken back"), &id).into(),
        }
    }
}

/// How a call ends, or goes on in a second round.
enum Reply {
    Answer(Answer),
    Ask,
}

impl Ready {
    async fn answer(&self, value: &Value, call: &Call) -> Result<Answer, Refusal> {
        self.schema.validate(value).map_err(|why| {
            Refusal::new(format!("these arguments do not fit the tool's schema: {why}"))
        })?;
        let Value::Object(arguments) = value.clone() else {
            return Err(Refusal::new("arguments are an object"));
        };
        let answer = self.tool.call(arguments, call).await?;
        // Clients check it, and a long one takes them long enough.
        if cfg!(debug_assertions) {
            self.answers.validate(&answer.structured).map_err(|why| {
                Refusal::failed("answering", format!("the answer does not fit: {why}"))
            })?;
        }
        Ok(answer)
    }
}

impl ServerHandler for Served {
    fn get_info(&self) -> ServerConfig {
        self.config.clone()
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.listed.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(ready) = self.tools.get(request.name.as_ref()) else {
            self.layer.unknown(&request.name);
            return Err(ErrorData::invalid_params("there is no such tool", None));
        };
        Ok(self.run(ready, request, context).await)
    }

    async fn on_roots_list_changed(&self, _context: NotificationContext<RoleServer>) {
        // What was offered stays the most until it is offered anew.
        if let Some(offered) = self.offered.lock().await.as_mut() {
            offered.until = Some(Instant::now());
        }
    }
}

fn asked_for_roots() -> InputRequiredResult {
    let question = InputRequest::ListRoots(ListRootsRequest::default());
    InputRequiredResult::from_input_requests(InputRequests::from([(ROOTS.to_owned(), question)]))
}

fn listed(definition: &Definition) -> Listed {
    let mut tool = Listed::new(
        definition.name.clone(),
        definition.description.clone(),
        Arc::clone(&definition.input),
    );
    tool.title = Some(definition.title.clone());
    tool.output_schema = Some(Arc::clone(&definition.output));
    tool.annotations = Some(definition.hints.annotations(&definition.title));
    tool
}

/// Tells a client that gave a token how far its call is, for as long as it runs.
async fn tell(
    mut steps: mpsc::Receiver<Step>,
    token: Option<ProgressToken>,
    peer: Peer<RoleServer>,
) -> Infallible {
    while let (Some(token), Some(step)) = (&token, steps.recv().await) {
        let mut note = ProgressNotificationParam::new(token.clone(), step.done);
        note.total = step.total;
        note.message = Some(step.message);
        if peer.notify_progress(note).await.is_err() {
            break;
        }
    }
    std::future::pending().await
}

fn told_answer(answer: Answer) -> CallToolResult {
    let content = if answer.content.is_empty() {
        vec![ContentBlock::text(answer.structured.to_string())]
    } else {
        answer.content
    };
    let mut result = CallToolResult::success(content);
    result.structured_content = Some(answer.structured);
    result
}

fn told_refusal(refusal: &Refusal, id: &str) -> CallToolResult {
    let mut result = CallToolResult::error(vec![ContentBlock::text(refusal.public())]);
    let mut meta = MetaObject::default();
    meta.0.insert("portcullis/call".to_owned(), id.into());
    result.meta = Some(meta);
    result
}
