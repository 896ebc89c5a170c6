"""Tools that send requests where their caller says, and what they look at first: reaching.py [TRANSPORT PORT]"""

import sys
import urllib.request
from urllib.parse import urlsplit

from mcp.server.fastmcp import FastMCP

transport = sys.argv[1] if len(sys.argv) > 1 else "stdio"
server = FastMCP("reaching", port=int(sys.argv[2]) if len(sys.argv) > 2 else 8080)


def fetched(address):
    return urllib.request.urlopen(address, timeout=3).read().decode()


@server.tool()
def subscribe(callback: str) -> str:
    """Tells somebody when there is news."""
    return fetched(callback)


@server.tool()
def status(host: str) -> str:
    """Asks a machine how it is."""
    return fetched(f"http://{host}/status")


@server.tool()
def preview(subject: str) -> str:
    """Shows the beginning."""
    return fetched(subject)


@server.tool()
def looks_at_words(url: str) -> str:
    """Fetches a page, and not from inside."""
    host = urlsplit(url).netloc
    if host.startswith(("127.", "localhost", "169.254.", "10.", "192.168.", "0.", "[")) or host.isdigit():
        raise ValueError("that is inside")
    return fetched(url)


@server.tool()
def lists(url: str) -> str:
    """Fetches a page of two hosts."""
    if urlsplit(url).hostname not in {"pages.example", "news.example"}:
        raise ValueError("that host is not on the list")
    return fetched(url)


server.run(transport=transport)
