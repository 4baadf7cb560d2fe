"""Plans and applies one file. What such a program is given and gives back is told in templates/README.md."""

import json
import os
import sys


def read(name):
    with open(os.environ[name]) as file:
        return json.load(file)


def write(name, value):
    # Whole or not at all: it may be interrupted at any moment.
    draft = os.environ[name] + ".draft"
    with open(draft, "w") as file:
        json.dump(value, file)
    os.replace(draft, os.environ[name])


def attributes(state):
    for resource in state.get("resources", []):
        for instance in resource["instances"]:
            return instance["attributes"]
    return None


def action(before, after):
    if before == after:
        return "no-op"
    if before is None:
        return "create"
    return "delete" if after is None else "update"


def plan():
    inputs, state = read("FLAGSTONE_INPUTS_FILE"), read("FLAGSTONE_STATE_FILE")
    destroys = os.environ["FLAGSTONE_OPERATION"] == "DESTROY"
    before = attributes(state)
    after = None if destroys else {"path": inputs["path"], "text": inputs["text"], "token": inputs["token"]}
    secret = {"token": True}
    change = {"actions": [action(before, after)], "before": before, "after": after,
              "before_sensitive": secret, "after_sensitive": secret}
    resources = [] if before is None and after is None else [
        {"address": "config_file.this", "mode": "managed", "type": "config_file", "name": "this", "change": change}]
    outputs = {}
    for name in ["path", "token"]:
        old = (state.get("outputs") or {}).get(name, {}).get("value")
        new = None if destroys else inputs[name]
        if old is None and new is None:
            continue
        outputs[name] = {"actions": [action(old, new)], "before": old, "after": new, "after_unknown": False,
                         "before_sensitive": name == "token", "after_sensitive": name == "token"}
    write("FLAGSTONE_PLAN_FILE",
          {"format_version": "1.0", "resource_changes": resources, "output_changes": outputs})


def apply():
    planned = read("FLAGSTONE_PLAN_FILE")
    found = attributes(read("FLAGSTONE_STATE_FILE"))
    for entry in planned["resource_changes"]:
        change = entry["change"]
        found = change["after"]
        if found is None:
            os.remove(change["before"]["path"])
        else:
            with open(found["path"], "w") as file:
                file.write(found["text"] + "\n" + found["token"] + "\n")
            print(f"The file holds {found['token']} now.")
    resources = [] if found is None else [
        {"mode": "managed", "type": "config_file", "name": "this", "instances": [{"attributes": found}]}]
    write("FLAGSTONE_NEW_STATE_FILE", {"resources": resources})
    write("FLAGSTONE_OUTPUTS_FILE", {
        name: {"value": change["after"], "sensitive": change["after_sensitive"]}
        for name, change in planned["output_changes"].items() if change["actions"] != ["delete"]})
    done = len(planned["resource_changes"])
    print("@flagstone " + json.dumps({"progress": {"current": done, "total": done, "message": "The file is as planned"}}))


{"plan": plan, "apply": apply}[sys.argv[1]]()
