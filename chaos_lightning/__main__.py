"""``python -m chaos_lightning``: the same as the command ``chaos-lightning``."""

from chaos_lightning.commands import main

if __name__ == "__main__":
    main()
