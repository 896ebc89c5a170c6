"""A server made with the official Python SDK 2.x that asks in the way of 2026-07-28: for the
host's model, for the person's word, and for both together.
"""

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    SamplingMessage,
    TextContent,
    ToolAnnotations,
)

server = MCPServer("questions")
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)


def of_model(text: str) -> CreateMessageRequest:
    content = TextContent(type="text", text=text)
    message = SamplingMessage(role="user", content=content)
    params = CreateMessageRequestParams(messages=[message], max_tokens=5000, system_prompt="Be brief.")
    return CreateMessageRequest(params=params)


def of_person(message: str) -> ElicitRequest:
    schema = {"type": "object", "properties": {"line": {"type": "integer"}}, "required": ["line"]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


@server.tool(annotations=READS)
async def summarise(text: str, context: Context) -> str | InputRequiredResult:
    """Asks the host's model."""
    answer = (context.input_responses or {}).get("model")
    if answer is None:
        return InputRequiredResult(input_requests={"model": of_model(text)})
    return f"the model says: {answer.content.text}"


@server.tool(annotations=READS)
async def which_line(context: Context) -> str | InputRequiredResult:
    """Asks the person."""
    answer = (context.input_responses or {}).get("person")
    if answer is None:
        return InputRequiredResult(input_requests={"person": of_person("Which line?")})
    return f"{answer.action}: {answer.content}"


@server.tool(annotations=READS)
async def both(context: Context) -> str | InputRequiredResult:
    """Asks both at once."""
    answers = context.input_responses or {}
    if not {"model", "person"} <= answers.keys():
        asked = {"model": of_model("both"), "person": of_person("Which line?")}
        return InputRequiredResult(input_requests=asked)
    return f"{answers['model'].content.text}, line {answers['person'].content['line']}"


server.run()
