"""Writes `template.yaml` as plain CloudFormation, without SAM and without any transform: `just package-template`.

    python3 package/template.py dist/template-packaged.yaml

The text stays as it is, with its order and its comments, but for this: each function is replaced by the resources that AWS's own
translator makes of it, what only SAM reads is removed, and two parameters say where the functions' zip files are. Needs
aws-sam-translator, as listed in `tests/python/requirements.txt`.
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse
from yaml_text import Dumper, Text

ROOT = Path(__file__).resolve().parents[1]

# The version is in the key, because CloudFormation deploys new code only when the key changes.
KEY = "${{CodePrefix}}{binary}-{version}-${{Architecture}}.zip"

HEADER = """\
# eks-nodegroup-updater {version}. Made from template.yaml by `just package-template`; change it there.
#
# It is larger than 51,200 bytes, so CloudFormation reads it only from a bucket: `aws cloudformation deploy --s3-bucket`.
"""

PARAMETER_GROUP = """\
- Label: { default: Code of the functions }
  Parameters: [CodeBucket, CodePrefix]
"""

PARAMETERS = """\
CodeBucket:
  Type: String
  AllowedPattern: ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$
  ConstraintDescription: The name of a bucket.
  Description: Bucket with the zip files of the functions. It must be in the region of the stack.
CodePrefix:
  Type: String
  Default: eks-nodegroup-updater/
  MaxLength: 500
  AllowedPattern: ^([A-Za-z0-9_.-]+/)*$
  ConstraintDescription: A folder with a slash behind it, such as tools/eks-nodegroup-updater/; or nothing.
  Description: Folder of the zip files in the bucket, with a slash behind it. Empty = they are in no folder.

"""

# What SAM passes on from a function to its resources, though only `sam build` reads it.
METADATA = {"BuildMethod", "BuildProperties"}
# What SAM adds, and is not true of a stack that is deployed without it.
TAG = {"Key": "lambda:createdBy", "Value": "SAM"}


def main() -> None:
    # SAM wants to know a region, and would ask the profile. What depends on it is made independent of it below.
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
    packaged = package((ROOT / "template.yaml").read_text(), version)
    Path(sys.argv[1]).write_text(packaged)
    print(f"{sys.argv[1]}: {len(packaged.encode()):,} bytes")


def package(source: str, version: str) -> str:
    """The template's text without SAM."""
    of_functions = translate(yaml_parse(source), version)
    text = Text(source)
    text.remove(["Transform"])
    text.remove(["Globals"])
    text.insert(["Metadata", "AWS::CloudFormation::Interface", "ParameterGroups"], PARAMETER_GROUP)
    text.insert(["Parameters"], PARAMETERS)
    for function, resources in of_functions.items():
        text.replace(["Resources", function], written(resources, source, function))
    return HEADER.format(version=version) + text.edited()


def translate(template: dict[str, Any], version: str) -> dict[str, dict[str, Any]]:
    """Of each function, the resources that SAM makes of it, by logical id."""
    ids = set(template["Resources"])
    functions = {name: it for name, it in template["Resources"].items() if it["Type"] == "AWS::Serverless::Function"}
    del template["Globals"]["Function"]["CodeUri"]
    for function in functions.values():
        key = KEY.format(binary=function["Metadata"]["BuildProperties"]["Binary"], version=version)
        function["Properties"]["CodeUri"] = {"Bucket": {"Ref": "CodeBucket"}, "Key": {"Fn::Sub": key}}
    no_policy_has_a_name = SimpleNamespace(load=dict)
    made = transform(template, {}, no_policy_has_a_name)["Resources"]
    return {
        function: {
            name: without_sam(resource)
            for name, resource in made.items()
            # Every id that SAM makes begins with that of its function.
            if name == function or (name.startswith(function) and name not in ids)
        }
        for function in functions
    }


def without_sam(resource: dict[str, Any]) -> dict[str, Any]:
    """A resource for every partition, and without what only SAM reads."""
    properties = resource["Properties"]
    if policies := properties.get("ManagedPolicyArns"):
        properties["ManagedPolicyArns"] = [
            {"Fn::Sub": arn.replace("arn:aws:", "arn:${AWS::Partition}:", 1)} for arn in policies
        ]
    tags = [tag for tag in properties.pop("Tags", []) if tag != TAG]
    if tags:
        properties["Tags"] = tags
    metadata = {key: value for key, value in resource.pop("Metadata", {}).items() if key not in METADATA}
    return resource | ({"Metadata": metadata} if metadata else {})


def written(resources: dict[str, Any], source: str, function: str) -> str:
    """The resources of a function as YAML, with the statements of its policies as they are in the source."""
    entries = [yaml.dump({name: it}, Dumper=Dumper, sort_keys=False, width=sys.maxsize) for name, it in resources.items()]
    text, original = Text("\n".join(entries)), Text(source)
    for index, policy in enumerate(yaml_parse(source)["Resources"][function]["Properties"]["Policies"]):
        statements = original.items(["Resources", function, "Properties", "Policies", index, "Statement"])
        for name, resource in resources.items():
            for at, made in enumerate(resource["Properties"].get("Policies", [])):
                if made["PolicyDocument"]["Statement"] == policy["Statement"]:
                    text.replace([name, "Properties", "Policies", at, "PolicyDocument", "Statement"], statements)
    return text.edited()


if __name__ == "__main__":
    main()
