"""What the protocol looks like on the wire: times, errors, queries, bodies, answers, signatures."""
