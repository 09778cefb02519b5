"""From the handler setting to the function: lambda.md 2.3. Never from a stale compiled file."""

import importlib
import importlib.machinery
import importlib.util
import os
import sys
import time

from .results import Fault

# A compiled file names its source only by size and by time in whole seconds: a save of the same size within the second
# would go unseen. One that is not clearly younger than its source is therefore neither trusted nor written.
CLEARLY_YOUNGER_S = 2


class FreshLoader(importlib.machinery.SourceFileLoader):
    def path_stats(self, path):
        source = os.stat(path)
        try:
            compiled_at = os.stat(importlib.util.cache_from_source(path)).st_mtime
        except OSError:
            compiled_at = time.time()
        if compiled_at - source.st_mtime < CLEARLY_YOUNGER_S:
            raise OSError("compiled file not trusted")
        return {"mtime": source.st_mtime, "size": source.st_size}


def use_task_root(root):
    """Puts the function's folder first on the path, in place of this program's."""
    sys.path[0] = root
    finder = importlib.machinery.FileFinder.path_hook(
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (FreshLoader, importlib.machinery.SOURCE_SUFFIXES),
    )

    def hook(path):
        if os.path.commonpath((os.path.abspath(path), root)) != root:
            raise ImportError("not in the task root")
        return finder(path)

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()


def import_module(name):
    if name.split(".")[0] in sys.builtin_module_names:
        raise Fault("BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % name)
    try:
        return importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        raise Fault("ImportModuleError", "Unable to import module '%s': %s" % (name, error)) from error
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise Fault("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (name, error), trace) from error


def load_handler(handler):
    try:
        module_name, function_name = handler.rsplit(".", 1)
    except ValueError as error:
        raise Fault("MalformedHandlerName", "Bad handler '%s': %s" % (handler, error)) from error
    module = import_module(module_name)
    try:
        return getattr(module, function_name)
    except AttributeError as error:
        message = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise Fault("HandlerNotFound", message) from error
