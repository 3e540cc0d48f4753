"""Names each check, runs it, prints a line for it, and remembers whether any failed."""
import traceback

failed = 0
passed = 0


def check(client, name, work):
    global failed, passed
    try:
        work()
        passed += 1
        print(f"ok    {client:32} {name}")
    except Exception as error:
        failed += 1
        print(f"FAIL  {client:32} {name}: {type(error).__name__}: {str(error)[:300]}")
        traceback.print_exc(limit=3)


def equal(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"
