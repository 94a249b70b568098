"""A Prometheus that reads the metrics of running services every second and evaluates the alert rules of backend/deploy."""

import json
import re
import signal
import subprocess
import threading
import urllib.parse
import urllib.request
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"


class Prometheus:
    def __init__(self, folder, targets):
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                  "rule_files": [str(DEPLOY / "prometheus-alerts.yml")],
                  "scrape_configs": [{"job_name": "bookstore", "static_configs": [{"targets": targets}]}]}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                   "--web.listen-address=127.0.0.1:0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        listening = next(filter(None, (re.search(r'"Listening on" address=(\S+)', line) for line in self.process.stderr)))
        self.url = f"http://{listening[1]}"
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def get(self, path, **query):
        """Returns the data of an answer of its API."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def is_firing(self, alert, target):
        found = ((found["labels"]["alertname"], found["labels"]["instance"], found["state"])
                 for found in self.get("alerts")["alerts"])
        return (alert, target, "firing") in found

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
