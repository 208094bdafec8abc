"""Changes to a YAML text at places named by their keys, which leave the rest as it is; and new YAML in the same style."""

from __future__ import annotations

import textwrap
from typing import Any

import yaml

Path = list[str | int]


class Text:
    """A text in block style, and changes to it, whose places are those in the text as it was read."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines(keepends=True)
        self._root = yaml.compose(text, yaml.SafeLoader)
        self._changes: list[tuple[int, int, str]] = []

    def remove(self, path: Path) -> None:
        """Removes an entry, and the blank lines behind it."""
        key, value = self._find(path)
        end = self._end(value)
        while end < len(self._lines) and not self._lines[end].strip():
            end += 1
        self._changes.append((key.start_mark.line, end, ""))

    def insert(self, path: Path, text: str) -> None:
        """Puts a text before the first item of a list, or the first entry of a mapping."""
        _, value = self._find(path)
        at = value.start_mark.line
        self._changes.append((at, at, textwrap.indent(text, " " * value.start_mark.column)))

    def replace(self, path: Path, text: str) -> None:
        """Puts a text in the place of an entry or, where that is a list, of its items."""
        key, value = self._find(path)
        begin, column = key.start_mark.line, key.start_mark.column
        if isinstance(value, yaml.SequenceNode):
            begin, column = begin + 1, value.start_mark.column
        self._changes.append((begin, self._end(value), textwrap.indent(text, " " * column)))

    def items(self, path: Path) -> str:
        """The items of a list, with the comments before the first one."""
        key, value = self._find(path)
        return textwrap.dedent("".join(self._lines[key.start_mark.line + 1 : self._end(value)]))

    def edited(self) -> str:
        """The text with all changes."""
        lines = list(self._lines)
        for begin, end, text in sorted(self._changes, reverse=True):
            lines[begin:end] = [text]
        return "".join(lines)

    def _find(self, path: Path) -> tuple[yaml.Node, yaml.Node]:
        """Key and value of an entry; an item of a list is both."""
        key = value = self._root
        for part in path:
            if isinstance(part, int):
                key = value = value.value[part]
            else:
                key, value = next(entry for entry in value.value if entry[0].value == part)
        return key, value

    def _end(self, node: yaml.Node) -> int:
        """The number of the line behind a node, and before comments that belong to what follows."""
        in_its_last_line = isinstance(node, yaml.ScalarNode) or node.flow_style
        line = node.end_mark.line + (1 if in_its_last_line and node.end_mark.column else 0)
        while not self._lines[line - 1].strip() or self._lines[line - 1].lstrip().startswith("#"):
            line -= 1
        return line


class Dumper(yaml.SafeDumper):
    """Writes CloudFormation's functions in short form, and indents lists."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)

    def choose_scalar_style(self) -> str:
        style = super().choose_scalar_style()
        # Otherwise whatever has a tag is quoted.
        if self.event.tag.startswith("!") and self.analysis.allow_block_plain:
            return ""
        return '"' if style == "'" else style

    def represent_mapping_or_function(self, data: dict[str, Any]) -> yaml.Node:
        if len(data) == 1:
            match data:
                case {"Ref": str(name)}:
                    return self.represent_scalar("!Ref", name)
                case {"Fn::GetAtt": [str(resource), str(attribute)]}:
                    return self.represent_scalar("!GetAtt", f"{resource}.{attribute}")
                case {"Fn::Sub": str(text)}:
                    return self.represent_scalar("!Sub", text)
                case {"Fn::If": list(parts)}:
                    return self.represent_sequence("!If", parts)
        return self.represent_dict(data)


Dumper.add_representer(dict, Dumper.represent_mapping_or_function)
