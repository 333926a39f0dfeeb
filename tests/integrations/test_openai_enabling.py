"""Turning the tracing of openai on and off, before and after it is imported."""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
import subprocess
import sys
import textwrap
import warnings

import pytest
from support.sdk import sdk

from spantree import integrations
from spantree.entities.errors import SpantreeException
from spantree.integrations import openai as integration

openai = sdk("openai")

CALL = """
from spantree import demo
from spantree.testing import recorded_traces

def call():
    with recorded_traces() as traces:
        demo.client().chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}]
        )
        return [s.name for trace in traces for s in trace.data.spans]
"""


def run(program):
    """Run a program in a fresh interpreter and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", CALL + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def ask(client, said):
    return client.chat.completions.create(**said("hello"))


def test_enabling_imports_nothing():
    program = """
    import sys
    from spantree.integrations import openai as integration
    integration.autolog()
    print("openai" in sys.modules, integration.status().state)
    import openai
    print(integration.status().state, call())
    print(openai.__spec__.loader is openai.__loader__, "exec_module" in vars(openai.__loader__))
    """

    assert run(program) == [
        "False waiting for import",
        "on ['Completions']",
        "True False",
    ]


def test_enabling_after_the_import_and_the_first_call():
    program = """
    print(call())
    from spantree.integrations import openai as integration
    integration.autolog()
    print(call())
    """

    assert run(program) == ["[]", "['Completions']"]


def test_enabling_repeatedly_leaves_one_span_a_call():
    program = """
    from spantree.integrations import openai as integration
    for _ in range(5):
        integration.autolog()
    print(call())
    for _ in range(5):
        integration.autolog()
    print(call())
    """

    assert run(program) == ["['Completions']"] * 2


def test_the_finder_is_there_only_while_it_is_on():
    program = """
    import sys
    from spantree.integrations import openai as integration
    before = list(sys.meta_path)
    integration.autolog()
    print(len(sys.meta_path) - len(before))
    integration.autolog(disable=True)
    print(sys.meta_path == before)
    import openai
    print(call())
    integration.autolog()
    print(call())
    """

    assert run(program) == ["1", "True", "[]", "['Completions']"]


def test_a_reloaded_module_is_traced():
    program = """
    import importlib
    from spantree.integrations import openai as integration
    integration.autolog()
    call()
    import openai.resources.embeddings as module
    importlib.reload(module)
    print(hasattr(module.Embeddings.create, "__spantree_hook__"))
    """

    assert run(program) == ["True"]


def test_a_library_that_is_not_there_explains_itself():
    program = """
    import sys, logging
    sys.path = [p for p in sys.path if "site-packages" not in p]
    import importlib.metadata
    importlib.metadata.version = lambda name: (_ for _ in ()).throw(
        importlib.metadata.PackageNotFoundError(name)
    )
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    from spantree.integrations import openai as integration
    integration.autolog()
    integration.autolog()
    print(integration.status().state, integration.status().installed)
    from spantree import integrations
    try:
        integrations.autolog("openai", must_be_installed=True)
    except ImportError as error:
        print(error)
    try:
        demo.client()
    except ImportError as error:
        print(error)
    """

    assert run(program) == [
        "openai is not installed; tracing starts if it is imported later.",
        "not installed None",
        "openai is not installed. Run: pip install openai",
        'The demo client needs openai. Run: pip install "spantree[demo]"',
    ]


def test_disabling_leaves_no_span(client, traces, said):
    ask(client, said)
    integration.autolog(disable=True)
    ask(client, said)
    integration.autolog(log_traces=False)
    ask(client, said)
    integration.autolog()
    ask(client, said)

    assert len(traces) == 2


def test_signature_and_kind_are_as_before(_autolog):
    program = """
    import inspect
    import openai
    from openai.resources import chat, embeddings
    from openai.resources.responses import responses
    methods = lambda: [
        chat.Completions.create, chat.AsyncCompletions.create,
        chat.AsyncCompletions.parse, embeddings.AsyncEmbeddings.create,
        responses.AsyncResponses.retrieve, openai.Stream.close, openai.AsyncStream.close,
    ]
    facts = lambda: [
        (str(inspect.signature(m)), inspect.iscoroutinefunction(m), m.__qualname__)
        for m in methods()
    ]
    before = facts()
    from spantree.integrations import openai as integration
    integration.autolog()
    print(facts() == before, all(hasattr(m, "__spantree_hook__") for m in methods()))
    """

    assert run(program) == ["True True"]


@pytest.mark.filterwarnings("error")
async def test_a_coroutine_is_named_as_before(async_client, said):
    pending = async_client.chat.completions.create(**said("hello"))
    assert inspect.iscoroutine(pending)
    assert pending.__qualname__ == "AsyncCompletions.create"
    pending.close()


async def test_a_coroutine_that_is_never_awaited_warns_once(async_client, said):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async_client.chat.completions.create(**said("hello"))

    (warned,) = (str(warning.message) for warning in caught)
    assert warned == "coroutine 'AsyncCompletions.create' was never awaited"


def test_somebody_elses_patch_above_ours_stays(client, traces, said, monkeypatch):
    seen = []
    ours = openai.resources.chat.Completions.create

    @functools.wraps(ours)
    def theirs(*arguments, **keywords):
        seen.append(1)
        return ours(*arguments, **keywords)

    monkeypatch.setattr(openai.resources.chat.Completions, "create", theirs)
    integration.autolog()
    ask(client, said)

    assert openai.resources.chat.Completions.create is theirs
    assert seen == [1]
    assert len(traces) == 1


def test_a_removed_patch_is_applied_again(client, traces, said, monkeypatch):
    kind = openai.resources.chat.Completions
    monkeypatch.setattr(kind, "create", kind.create.__wrapped__)
    ask(client, said)
    integration.autolog()
    ask(client, said)

    assert len(traces) == 1


def test_status_names_the_hooks(client, traces, said):
    before = integration.status().calls
    ask(client, said)

    row = integrations.status()[0]
    assert row.library == "openai"
    assert row.installed == openai.__version__
    assert row.supported == ">=1.40,<4"
    assert row.state == "on"
    assert (
        "resources.chat.completions.completions.Completions.create" in row.hooks_applied
    )
    assert row.hooks_missing == ()
    assert row.calls == before + 1
    assert row.internal_errors == 0
    integrations.autolog("openai", disable=True)
    assert integrations.status()[0].state == "off"


def test_a_missing_method_makes_it_partial(_autolog, monkeypatch):
    module = importlib.import_module("openai.resources.embeddings")
    monkeypatch.delattr(module.Embeddings, "create")

    row = integration.status()
    assert row.state == "partial"
    assert row.hooks_missing == ("resources.embeddings.Embeddings.create",)


UNSUPPORTED = [
    ("9.0.1", "openai 9.0.1 is newer than the tested 3.54"),
    ("0.28.0", "openai 0.28.0 is older than the supported 1.40"),
]
LEFT = (
    " and is left alone; disable_for_unsupported_versions=False traces it all the same."
)


@pytest.fixture
def _untold(monkeypatch, caplog):
    monkeypatch.setattr(integration._integration, "_told", "")
    caplog.set_level(logging.INFO, logger="spantree")
    yield
    integration.autolog(disable=True)


@pytest.mark.usefixtures("_untold")
@pytest.mark.parametrize(("version", "told"), UNSUPPORTED)
def test_an_unsupported_version_says_so_once_and_is_left_alone(
    monkeypatch, caplog, version, told
):
    monkeypatch.setattr(openai, "__version__", version)
    integration.autolog(silent=True)
    integration.autolog()
    integration.autolog()

    assert [record.getMessage() for record in caplog.records] == [told + LEFT]
    assert integration.status().state == "off"
    assert integration.status().complaint in told


@pytest.mark.usefixtures("_untold")
@pytest.mark.parametrize(("version", "told"), UNSUPPORTED)
def test_an_unsupported_version_is_traced_if_the_user_insists(
    monkeypatch, caplog, version, told
):
    monkeypatch.setattr(openai, "__version__", version)
    for _ in range(2):
        integration.autolog(disable_for_unsupported_versions=False)

    found = [record.getMessage() for record in caplog.records]
    assert found == [f"{told}; tracing may be incomplete."]
    assert integration.status().state == "on"


LATER = """
import sys
from importlib import import_module
from spantree.integrations import get_library
name, folder, hooked = sys.argv[1:]
sys.path.insert(0, folder)
library = get_library(name)
library.autolog()
before = library.status().state
module = import_module(hooked)
print(before, library.status().state, sorted(vars(module.Untouched)) == module.NAMES)
"""
UNTOUCHED = """
class Untouched:
    def create(self): pass
NAMES = sorted(vars(Untouched))
"""


@pytest.mark.parametrize("name", integrations.LIBRARIES)
def test_an_unsupported_version_that_comes_later_is_left_alone(tmp_path, name):
    known = integrations.get_library(name)._integration
    hook = known.hooks[0]
    owner = getattr(hook, "owner", "Untouched")
    place = tmp_path / hook.modules[0].replace(".", "/")
    place.mkdir(parents=True)
    for folder in (place, *place.parents):
        if tmp_path in folder.parents:
            (folder / "__init__.py").write_text("")
    (place / "__init__.py").write_text(f"{UNTOUCHED}{owner} = Untouched")
    top = tmp_path / known.module.replace(".", "/") / "__init__.py"
    top.parent.mkdir(parents=True, exist_ok=True)
    with top.open("a") as file:
        file.write("\n__version__ = '99.0'\n")

    done = subprocess.run(
        [sys.executable, "-c", LATER, name, str(tmp_path), hook.modules[0]],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split()[-2:] == ["off", "True"], done.stderr
    assert done.stderr.startswith(f"{name} 99.0 is newer than the tested ")
    assert done.stderr.count("\n") == 1


def test_an_unknown_library_is_named_with_the_known_ones():
    with pytest.raises(SpantreeException) as caught:
        integrations.get_library("opena")

    assert str(caught.value).startswith(
        "Unknown library 'opena'. Did you mean 'openai'? "
        f"Known: {', '.join(integrations.LIBRARIES)}, otel, "
    )


def test_another_thread_is_traced_as_a_trace_of_its_own(client, traces, said):
    import threading

    thread = threading.Thread(target=ask, args=(client, said))
    thread.start()
    thread.join()

    assert [trace.data.spans[0].name for trace in traces] == ["Completions"]
