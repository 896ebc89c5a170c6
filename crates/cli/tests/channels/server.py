# A server of both eras whose one tool asks for what its path names.
import errno, json, os, sys

TEXT = {'type': 'text', 'text': 'sum up the notes'}
ASKS = {
    'model': ('sampling/createMessage', {'messages': [{'role': 'user', 'content': TEXT}], 'maxTokens': 100}),
    'form': ('elicitation/create', {'message': 'who are you', 'requestedSchema': {
        'type': 'object', 'properties': {'name': {'type': 'string'}}}}),
    'link': ('elicitation/create', {'mode': 'url', 'message': 'sign in', 'url': 'https://login.example.com/a'}),
}
MODERN = 'io.modelcontextprotocol/protocolVersion'
SCHEMA = {'type': 'object', 'properties': {'path': {'type': 'string'}}}
# A name that no judge takes for a path.
NAMED = {'type': 'object', 'properties': {'name': {'type': 'string'}}}
TOOLS = [{'name': 'read_file', 'inputSchema': SCHEMA}, {'name': 'delete_file', 'inputSchema': SCHEMA},
         {'name': 'get_note', 'inputSchema': NAMED}]


def hear():
    return json.loads(sys.stdin.readline() or sys.exit())


def say(message):
    print(json.dumps({'jsonrpc': '2.0', **message}), flush=True)


def asked_of(params):
    method, asked = ASKS[params['arguments']['path']]
    return method, dict(asked)


def note(params, modern):
    if modern and 'inputResponses' not in params:
        return {'resultType': 'input_required', 'requestState': 's', 'inputRequests': {
            'q': {'method': 'roots/list'}}}
    try:
        text = open(os.path.join(sys.argv[1], 'note')).read()
    except OSError as error:
        text = errno.errorcode[error.errno]
    return {'content': [{'type': 'text', 'text': text}]}


def called(params, modern):
    if params['name'] == 'get_note':
        return note(params, modern)
    path = params['arguments']['path']
    if path not in ASKS:
        return {'content': [{'type': 'text', 'text': 'done'}]}
    method, asked = asked_of(params)
    if modern and 'inputResponses' not in params:
        return {'resultType': 'input_required', 'requestState': 's', 'inputRequests': {
            'q': {'method': method, 'params': asked}}}
    if modern:
        return {'content': [{'type': 'text', 'text': json.dumps(params['inputResponses']['q'])}]}
    if path == 'link':
        asked['elicitationId'] = 'e-1'
    say({'id': 'q', 'method': method, 'params': asked})
    came = hear()
    while came.get('id') != 'q':
        came = hear()
    return {'content': [{'type': 'text', 'text': json.dumps(came.get('result', came.get('error')))}]}


while True:
    heard = hear()
    if 'id' not in heard or 'method' not in heard:
        continue
    params = heard.get('params') or {}
    modern = MODERN in params.get('_meta', {})
    method, result = heard['method'], {}
    if method == 'initialize':
        result = {'protocolVersion': params['protocolVersion'], 'capabilities': {'tools': {}},
                  'serverInfo': {'name': 'server', 'version': '1'}}
    elif method == 'server/discover':
        result = {'supportedVersions': ['2026-07-28'], 'capabilities': {'tools': {}},
                  'ttlMs': 0, 'cacheScope': 'private'}
    elif method == 'tools/list':
        result = {'tools': TOOLS, **({'ttlMs': 0, 'cacheScope': 'private'} if modern else {})}
    elif method == 'tools/call':
        result = called(params, modern)
    if modern:
        result.setdefault('resultType', 'complete')
    say({'id': heard['id'], 'result': result})
