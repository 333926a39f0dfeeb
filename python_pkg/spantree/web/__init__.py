"""``spantree ui``: the viewer on a page, and a server that takes traces.

starlette and uvicorn, the extra ``ui``, are imported with :mod:`spantree.web.app` and
:mod:`spantree.web.serving` only.
"""
