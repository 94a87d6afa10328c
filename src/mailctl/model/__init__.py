"""What there is: frozen models and enums, validated at the edge, and the rules between them. No I/O."""
