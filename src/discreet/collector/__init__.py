"""The collector: the other end of the road, for development and for one small machine.

    bytes --http--> Request --desk--> may it? --decode--> records --check--> legal? --store--> YYYY-MM-DD.TOOL.jsonl
                                                                                     and only then 2xx

    http      bytes to requests: HTTP/1.1, no more of it than clients need; pure
    server    sockets: the standard library's event loop; bounds of time, number and memory
    desk      which request gets which answer: host, origin, token, path, form
    decode    the inverse of `sending/wire`, and what other software sends, as records
    values    ids, numbers, moments and attributes, as senders write them
    check     what a record may hold, by the manifest if there is one
    store     files, and ids that came before
    lines     the lines of one of these files
    page      the page at `/`

The rule that keeps it honest: what is answered with 2xx is in a file, once. What an address, a header or a server's log
would tell of a sender is kept nowhere.
"""
