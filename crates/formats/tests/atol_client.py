"""A shop's program that sells with `atol-client`, a client of ATOL's driver that is not ours.

The driver here only answers; what it is asked for comes from the client. Writes one JSON object a line: `asked` (what the
program wanted, in the names of the client's constants), `task` (what the client posted) and `results` (what it gave back).
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from atol import WebClient, const, errors

DRIVE, REGISTER = "9999078900001234", "0000000123006163"


class Driver(BaseHTTPRequestHandler):
    """Each task waits once, and is done when it is asked for again; what is called `fail` fails."""

    tasks: dict = {}

    def do_POST(self):
        task = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.tasks[task["uuid"]] = {"task": task, "asked": 0, "number": len(self.tasks) + 1}
        self.answer(201, {})

    def do_GET(self):
        known = self.tasks[self.path.rsplit("/", 1)[1]]
        known["asked"] += 1
        self.answer(200, {"results": [self.result(known)]})

    def result(self, known):
        request = known["task"]["request"]
        if known["asked"] == 1:
            return {"status": "wait", "errorCode": 0, "errorDescription": "", "result": None}
        if request.get("operator", {}).get("name") == "fail":
            return {"status": "error", "errorCode": 68, "errorDescription": "no paper", "result": None}
        number = known["number"]
        params = {
            "fiscalDocumentDateTime": f"2018-11-20T14:{number:02}:00+05:00",
            "fiscalDocumentNumber": 100 + number,
            "fiscalDocumentSign": f"{1000 + number:010}",
            "fnNumber": DRIVE,
            "registrationNumber": REGISTER,
            "shiftNumber": 12,
            "fnsUrl": "www.nalog.ru",
        }
        if "items" in request:
            params["fiscalReceiptNumber"] = number
            params["total"] = sum(payment["sum"] for payment in request["payments"])
        if request["type"] == "closeShift":
            params["receiptsCount"] = number
        return {"status": "ready", "errorCode": 0, "errorDescription": "", "result": {"fiscalParams": params, "warnings": None}}

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def names(prefix):
    """The client's constants of one kind, in the order of their names."""
    return sorted(name for name in vars(const) if name.startswith(prefix))


def write(asked, call):
    try:
        results = call()
    except errors.TaskError as error:
        results = error.args[0]
    task = list(Driver.tasks.values())[-1]["task"]
    print(json.dumps({"asked": asked, "task": task, "results": results}, ensure_ascii=False))


def sell(client, step):
    pick = lambda prefix: names(prefix)[step % len(names(prefix))]
    operation = ["sell", "sell_return", "buy", "buy_return"][step % 4]
    asked = {
        "operation": operation,
        "taxation": pick("TAXATION_TYPE_"),
        "payment": pick("PAY_TYPE_"),
        "vat": pick("TAX_TYPE_"),
        "method": pick("PAY_METHOD_"),
        "object": pick("PAY_OBJ_"),
        "agent": pick("AGENT_TYPE_"),
        "name": f"Товар № {step}",
        "price": 10.5 + step,
        "quantity": 2.0,
        "amount": 21 + 2 * step,
    }
    item = {
        "type": const.ITEM_TYPE_POSITION,
        "name": asked["name"],
        "price": asked["price"],
        "quantity": asked["quantity"],
        "amount": asked["amount"],
        "tax": {"type": getattr(const, asked["vat"])},
        "paymentMethod": getattr(const, asked["method"]),
        "paymentObject": getattr(const, asked["object"]),
        "agentInfo": {"agents": [getattr(const, asked["agent"])]},
    }
    text = {"type": const.ITEM_TYPE_TEXT, "text": "Спасибо", "alignment": const.ALIGNMENT_CENTER}
    payment = {"type": getattr(const, asked["payment"]), "sum": asked["amount"]}
    more = {
        "taxationType": getattr(const, asked["taxation"]),
        "operator": {"name": "Лапина О.С.", "vatin": "770000000156"},
    }
    write(asked, lambda: getattr(client, operation)([text, item], [payment], **more))


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Driver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/api/v2/requests"
    client = WebClient(url, get_status_delay=0.001, log_fn=lambda *_: None)
    operator = {"name": "Лапина О.С."}
    write({"operation": "open_shift"}, lambda: client.open_shift(operator=operator))
    kinds = ["TAXATION_TYPE_", "PAY_TYPE_", "TAX_TYPE_", "PAY_METHOD_", "PAY_OBJ_", "AGENT_TYPE_"]
    for step in range(max(len(names(prefix)) for prefix in kinds)):
        sell(client, step)
    write({"operation": "fail"}, lambda: client.close_shift(operator={"name": "fail"}))
    write({"operation": "close_shift"}, lambda: client.close_shift(operator=operator))
    server.shutdown()


main()
