"""The service's main job over HTTP: alice posts, bob follows her, the post comes into bob's feed.

python -m dev.demo http://127.0.0.1:18000
"""

import json
import sys
import time
import urllib.request
from typing import Any

PASSWORD = "newsfeed-demo"  # noqa: S105 - of the users seed_demo makes on this machine
DEADLINE = 10.0

TOUR = """\
API      {url}/api/v1/
health   {url}/readyz
admin    {url}/admin/

Try it:
  API={url}/api/v1
  TOKEN=$(curl -s $API/auth/login/ -H 'Content-Type: application/json' \\
    -d '{{"username":"bob","password":"{password}"}}' | sed 's/.*"access": *"\\([^"]*\\).*/\\1/')
  curl -s "$API/feed/?limit=3" -H "Authorization: Bearer $TOKEN"
  curl -s $API/posts/ -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -d '{{"content":"hello"}}'
"""


def show(url: str) -> None:
    alice, bob = _login(url, "alice"), _login(url, "bob")
    content = f"안녕하세요, 뉴스피드! 👋 {time.strftime('%H:%M:%S')}"
    began = time.monotonic()
    post = _call(f"{url}/api/v1/posts/", alice, {"content": content})
    print(f"alice posts    {content}")
    pause = 0.01
    while True:
        page = _call(f"{url}/api/v1/feed/?limit=5", bob)["results"]
        milliseconds = (time.monotonic() - began) * 1000
        if any(entry["id"] == post["id"] for entry in page):
            break
        if milliseconds > DEADLINE * 1000:
            print(f"bob's feed does not have it after {DEADLINE:.0f} s")
            return
        time.sleep(pause)
        pause = min(1.2 * pause, 0.25)  # bob, too, may ask a hundred times a minute
    for number, entry in enumerate(page):
        title = "" if number else "bob's feed"
        print(f"{title:14} @{entry['author']['username']}: {entry['content'][:60]}")
    print(f"delivered in {milliseconds:.0f} ms\n")
    print(TOUR.format(url=url, password=PASSWORD))


def _login(url: str, username: str) -> str:
    answer = _call(f"{url}/api/v1/auth/login/", "", {"username": username, "password": PASSWORD})
    return str(answer["access"])


def _call(url: str, token: str, body: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(url, data=json.dumps(body).encode() if body else None)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


if __name__ == "__main__":
    show(sys.argv[1].rstrip("/"))
