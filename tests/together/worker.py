"""A process of the Python package: takes requests and gives answers as JSON lines. `worker.py CONTAINER`"""

import base64
import json
import sys

from loosepack import Container, Locked

store = Container(sys.argv[1])
held = None


def answer(request):
    """What was asked for."""
    global held
    work = request["do"]
    if work == "add":
        return [store.add(base64.b64decode(content)) for content in request["contents"]]
    if work == "read":
        return {object_id: base64.b64encode(content).decode() for object_id, content in store.read_many(request["ids"])}
    try:
        if work == "pack":
            return store.pack(clean=True).ok
        if work == "hold":
            held = store.pack_writer()
            return True
    except Locked as error:
        return {"locked": str(error)}
    if work == "free":
        held.close()
        return True
    raise ValueError(work)


for text in sys.stdin:
    print(json.dumps(answer(json.loads(text))), flush=True)
