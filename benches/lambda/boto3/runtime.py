"""The Runtime API, with as little as Python needs for it: less than AWS's own runtime does."""

import http.client
import json
import os


def run(handler):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        connection.request("GET", "/2018-06-01/runtime/invocation/next")
        answer = connection.getresponse()
        request_id = answer.headers["lambda-runtime-aws-request-id"]
        event = json.loads(answer.read())
        body = json.dumps(handler(event, request_id))
        connection.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", body)
        connection.getresponse().read()
