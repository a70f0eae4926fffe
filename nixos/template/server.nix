{
  virtualisation.nspawn.containers.web = {
    # Sealed for this host; see README.md.
    credentials.greeting = {
      sealed = ./web/greeting.cred;
      services = [ "hello" ];
    };

    config = {
      # Put your application here.
      systemd.services.hello = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.Type = "oneshot";
        script = ''
          echo "The greeting has $(wc -c <"$CREDENTIALS_DIRECTORY/greeting") bytes."
        '';
      };
    };
  };
}
