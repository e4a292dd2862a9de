"""The official Python SDK as a client: python sdk.py PROGRAM. The environment says where the server's state is."""

import asyncio
import os
import sys
import time

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

LONG = (
    "SELECT count(*) FROM generate_series(1, 4000000) a(x), generate_series(1, 4000000) b(y)"
    " WHERE (x * 7 + y * 13) % 1000003 = 5"
)
TOOLS = ["query", "execute", "inspect", "load", "export", "database", "chart", "job"]
ARGUMENTS = ["mcp", "--ephemeral-only", "--soft-deadline", "1"]


async def talk(client, era):
    assert client.server_info.name == "hyperwire", client.server_info
    assert "Hyper" in client.instructions
    modern = client.protocol_version == "2026-07-28"
    assert modern == (era == "auto"), client.protocol_version

    # The SDK checks every answer against the tool's output schema.
    tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == TOOLS, tools
    answer = await client.call_tool("query", {"sql": "SELECT 1 AS a, 'x' AS b"})
    assert answer.structured_content["rows"] == [[1, "x"]], answer
    answer = await client.call_tool("execute", {"sql": ["CREATE TABLE python (id integer)"]})
    assert not answer.is_error, answer
    answer = await client.call_tool("query", {"sql": "SELECT nonsense"})
    assert answer.is_error and "nonsense" in answer.content[0].text, answer

    resources = (await client.list_resources()).resources
    uri = "hyper://tables/local/public/python"
    assert uri in [str(resource.uri) for resource in resources], resources
    guide = await client.read_resource("hyper://sql")
    assert guide.contents[0].text.startswith("# Hyper's SQL")
    prompts = (await client.list_prompts()).prompts
    assert "analyze-table" in [prompt.name for prompt in prompts]
    prompt = await client.get_prompt("analyze-table", {"table": "python"})
    assert 'id integer' in prompt.messages[0].content.text

    told = []

    async def progress(done, total, message):
        told.append((done, message))

    # It outlives the soft deadline, and the answer that says so fits the schema, too.
    answer = await client.call_tool("query", {"sql": LONG}, progress_callback=progress)
    assert "job" in answer.structured_content, answer
    assert len(told) >= 2 and told == sorted(told, key=lambda one: one[0]), told

    # A caller who gives up: the server stops, and answers the next one.
    with anyio.move_on_after(0.5) as given_up:
        await client.call_tool("query", {"sql": LONG})
    assert given_up.cancelled_caught
    answer = await client.call_tool("query", {"sql": "SELECT 2"})
    assert answer.structured_content["rows"] == [[2]], answer

    if modern:
        async with client.listen(resource_subscriptions=[uri]) as changes:
            await client.call_tool("execute", {"sql": ["INSERT INTO python VALUES (1)"]})
            async for change in changes:
                assert str(change.uri) == uri, change
                break
    await client.call_tool("execute", {"sql": ["DROP TABLE python"]})


async def over_stdio(program, era):
    server = StdioServerParameters(command=program, args=ARGUMENTS, env=dict(os.environ))
    async with Client(server, mode=era) as client:
        await talk(client, era)
        since = time.monotonic()
    print(f"stdio {era} ok, ended in {time.monotonic() - since:.3f} s", flush=True)


async def over_http(program):
    server = await asyncio.create_subprocess_exec(
        program, *ARGUMENTS, "--http", "127.0.0.1:0", stderr=asyncio.subprocess.PIPE
    )
    try:
        line = (await server.stderr.readline()).decode()
        url = line.split()[-1]
        shown = (await server.stderr.readline()).decode().split("Authorization: ")[1].strip()
        for era in ("legacy", "auto"):
            http = create_mcp_http_client(headers={"Authorization": shown})
            async with Client(streamable_http_client(url, http_client=http), mode=era) as client:
                await talk(client, era)
            print(f"http {era} ok", flush=True)
    finally:
        server.terminate()
        await asyncio.wait_for(server.wait(), 10)


async def main(program):
    for era in ("legacy", "auto"):
        await over_stdio(program, era)
    await over_http(program)


asyncio.run(main(sys.argv[1]))
